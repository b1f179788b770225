/** The version of cab: part of what an evaluation is remembered under. */
export const VERSION = "0.1.0";
