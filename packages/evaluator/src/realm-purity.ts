/**
 * Makes a fresh realm pure: takes away what is not the same everywhere and always, and freezes the rest, so that no
 * recipe can change another's world. Runs inside the realm and is sent there as text (`toString`): it refers to nothing
 * outside itself, and must not be compiled with helpers (esbuild's `keepNames`).
 */

/** What is thrown for an impure call carries this beside its message; `realm-program.ts` hands it out. */
export interface Impurity {
  readonly what: string;
  readonly remedy: string;
}

/** `stackFrames`: how many frames of its stack an error keeps. */
export function purify(stackFrames: number): void {
  // biome-ignore lint/suspicious/noRedundantUseStrict: the text runs as a script
  "use strict";
  const refusal = (what: string, remedy: string) => (): never => {
    throw Object.assign(new Error(`${what} is refused`), { impure: { what, remedy } });
  };
  const refuse = (owner: object, path: string, names: readonly string[], remedy: string): void => {
    for (const name of names) {
      if (!Object.hasOwn(owner, name)) continue;
      Object.defineProperty(owner, name, {
        value: refusal(`${path}.${name}`, remedy),
        writable: true,
        configurable: true,
        enumerable: false,
      });
    }
  };

  refuse(Math, "Math", ["random"], "derive what must differ from the package's name or version");
  const locale = "write the order or the format out: what a locale says differs between machines";
  refuse(String.prototype, "String.prototype", ["localeCompare", "toLocaleLowerCase", "toLocaleUpperCase"], locale);
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  for (const [path, owner] of Object.entries({
    Number: Number.prototype,
    BigInt: BigInt.prototype,
    Array: Array.prototype,
    TypedArray: typedArray,
  })) {
    refuse(owner, `${path}.prototype`, ["toLocaleString"], locale);
  }
  refuse(Array, "Array", ["fromAsync"], "use Array.from: recipes are synchronous");

  const utc = "use the UTC form, such as getUTCHours or toISOString: the time zone differs between machines";
  const fields = ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"];
  const local = [...fields.flatMap((field) => [`get${field}`, `set${field}`]), "getYear", "setYear"];
  refuse(Date.prototype, "Date.prototype", [...local, "getTimezoneOffset"], utc);
  refuse(Date.prototype, "Date.prototype", ["toString", "toDateString", "toTimeString"], utc);
  refuse(Date.prototype, "Date.prototype", ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"], locale);
  const NativeDate = Date;
  const clock = 'give the date itself: new Date(0), or new Date("2024-01-01T00:00:00Z")';
  const zoned =
    /^([+-]\d{6}|\d{4})(-\d\d(-\d\d)?)?$|^([+-]\d{6}|\d{4})-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
  const checked = (text: string): string =>
    zoned.test(text)
      ? text
      : refusal(`a date without a time zone (${JSON.stringify(text)})`, `end it with Z; ${utc}`)();
  const PureDate = function (this: unknown, ...values: readonly unknown[]): object {
    if (new.target === undefined) return refusal("Date()", clock)();
    if (values.length === 0) return refusal("new Date() without an argument", clock)();
    if (values.length > 1) return refusal("new Date(year, month, …)", "use new Date(Date.UTC(year, month, …))")();
    const [value] = values;
    const plain = value instanceof NativeDate || typeof value === "number" ? value : checked(String(value));
    return Reflect.construct(NativeDate, [plain], new.target) as object;
  };
  Object.defineProperties(PureDate, {
    name: { value: "Date" },
    prototype: { value: NativeDate.prototype },
    UTC: { value: NativeDate.UTC },
    now: { value: refusal("Date.now", clock) },
    parse: { value: (text: unknown) => NativeDate.parse(checked(String(text))) },
  });
  Object.defineProperty(NativeDate.prototype, "constructor", { value: PureDate });
  Object.defineProperty(globalThis, "Date", { value: PureDate });

  const kept = new Set(
    `Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date RegExp Error
    AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError DisposableStack
    globalThis JSON Math ArrayBuffer Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array BigUint64Array
    BigInt64Array Uint8ClampedArray Float16Array Float32Array Float64Array DataView Map BigInt Set Iterator WeakMap
    WeakSet Proxy Reflect decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape isFinite isNaN`.split(
      /\s+/,
    ),
  );
  for (const name of Reflect.ownKeys(globalThis)) {
    if (typeof name === "string" && !kept.has(name)) Reflect.deleteProperty(globalThis, name);
  }

  Error.stackTraceLimit = stackFrames;

  const sealed = new WeakSet();
  const sealChanges = (value: object): void => {
    const changes = value instanceof Map || value instanceof Set ? ["set", "add", "delete", "clear"] : [];
    const shared = "a value at a module's top level is everybody's: make a new one where it is filled";
    for (const change of changes.filter((name) => name in value)) {
      const what = `${value instanceof Map ? "Map" : "Set"}.prototype.${change} on a shared value`;
      Object.defineProperty(value, change, { value: refusal(what, shared) });
    }
  };
  /**
   * Called at the end of each module with what it holds at its top level, which from then on is constant: whatever is
   * evaluated beside it, and in whatever order, finds it the same. A package is a value already.
   */
  const seal = (values: readonly unknown[]): void => {
    const open = [...values];
    while (open.length > 0) {
      const value = open.pop();
      if ((typeof value !== "object" && typeof value !== "function") || value === null || sealed.has(value)) continue;
      sealed.add(value);
      if (Reflect.get(value, "_tag") === "Package" || ArrayBuffer.isView(value)) continue;
      sealChanges(value);
      Object.freeze(value);
      const items = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : [];
      open.push(...items);
      for (const key of Reflect.ownKeys(value)) open.push(Reflect.getOwnPropertyDescriptor(value, key)?.value);
    }
  };
  Object.defineProperty(globalThis, "__cab_seal", { value: seal });

  // Prototypes that no global leads to are found from an instance each.
  const iterators = Reflect.get(globalThis, "Iterator") as {
    from: (of: object) => { map: (change: (item: unknown) => unknown) => object };
  };
  const hidden = [
    [].values(),
    iterators.from([]).map((item) => item),
    new Map().values(),
    new Set().values(),
    ""[Symbol.iterator](),
    "".matchAll(/./g),
    iterators.from({ next: () => ({ done: true, value: undefined }) }),
    function* () {},
  ];
  const frozen = new Set<unknown>([globalThis]);
  const pending: unknown[] = [hidden, ...Reflect.ownKeys(globalThis).map((name) => Reflect.get(globalThis, name))];
  while (pending.length > 0) {
    const value = pending.pop();
    if ((typeof value !== "object" && typeof value !== "function") || value === null || frozen.has(value)) continue;
    frozen.add(value);
    Object.freeze(value);
    pending.push(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      pending.push(descriptor?.value, descriptor?.get, descriptor?.set);
    }
  }
}
