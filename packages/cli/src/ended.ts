/** Ends a command early with a message that is ready to be read: an expected failure at the edge, not a bug. */
export class Ended extends Error {
  override readonly name = "Ended";
  readonly exitCode: number;

  /** `message` ends with a newline. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
