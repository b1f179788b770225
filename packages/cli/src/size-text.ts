/** Numbers of bytes as a person reads them. Decimal units, as disks are sold and `ls --si` prints. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `812 B`, `8.4 MB`, `112 MB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** With its sign: `+1.2 MB`, `-812 B`, `±0 B`. */
export const changeText = (bytes: number): string => `${bytes > 0 ? "+" : bytes === 0 ? "±" : ""}${sizeText(bytes)}`;

/** `1 object`, `2 objects`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
