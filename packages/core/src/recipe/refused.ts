/** How a type says no: a mistake's message shows `Refused<"the reason">`, since no value has that type. */

declare const refused: unique symbol;

export interface Refused<Reason extends string> {
  readonly [refused]: Reason;
}
