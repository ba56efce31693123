/** What a pickle can hold. Texts and bytes stay in the file until somebody looks at them. */
import { OP } from "./opcodes.ts";
import type { PickleSource } from "./source.ts";

/** A value of a pickle. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | PickleText
  | PickleBytes
  | PickleTuple
  | PickleList
  | PickleSet
  | PickleDict
  | PickleObject
  | PickleGlobal
  | PickleMade;

/** A value that an opcode may use up: its memory is given back then, unless something else holds it. */
export abstract class Spendable {
  /** Whether anything but the stack's top, or the tuple there, holds it. */
  isShared = false;
  /** Bytes of memory that it takes. */
  abstract get memory(): number;
}

/** A text. */
export class PickleText extends Spendable {
  #text: string | undefined;
  constructor(readonly source: PickleSource, readonly start: number, readonly length: number) {
    super();
  }

  get memory(): number {
    return 64;
  }

  /** The text, decoded once. */
  override toString(): string {
    if (this.#text === undefined) {
      this.source.charge(2 * this.length);
      try {
        this.#text = UTF8.decode(this.source.bytes.subarray(this.start, this.start + this.length));
      } catch {
        throw this.source.damaged("a text is not UTF-8", this.start);
      }
    }
    return this.#text;
  }
}

// A U+FEFF at a text's start is a part of it.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes: a part of the file, or of their own where the file spells them otherwise. */
export class PickleBytes extends Spendable {
  constructor(readonly all: Uint8Array, readonly start: number, readonly length: number) {
    super();
  }

  get memory(): number {
    return 56;
  }
}

/** A tuple. */
export class PickleTuple extends Spendable {
  constructor(readonly items: readonly PickleValue[]) {
    super();
  }

  get memory(): number {
    return 144 + 8 * this.items.length;
  }
}

/** Whole numbers that follow each other in the file. */
export class IntegerRun {
  constructor(readonly source: PickleSource, readonly start: number, readonly count: number) {}

  /** The numbers, in order. */
  *[Symbol.iterator](): Generator<number | bigint> {
    const { source } = this;
    let offset = this.start;
    for (let left = this.count; left > 0;) {
      source.step(offset);
      offset = source.next;
      if (source.code === OP.FRAME) continue;
      left--;
      yield source.integer;
    }
  }
}

/** The values of a list or set, in order. */
abstract class Items {
  readonly #items: (PickleValue | IntegerRun)[] = [];
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Adds one value, or the numbers of a run. */
  add(item: PickleValue | IntegerRun): void {
    this.#items.push(item);
    this.#length += item instanceof IntegerRun ? item.count : 1;
  }

  /** Its values, runs of numbers in one. */
  parts(): readonly (PickleValue | IntegerRun)[] {
    return this.#items;
  }

  /** Its values, one by one. */
  *[Symbol.iterator](): Generator<PickleValue> {
    for (const item of this.#items) {
      if (item instanceof IntegerRun) yield* item;
      else yield item;
    }
  }
}

/** A list. */
export class PickleList extends Items {}

/** A set. */
export class PickleSet extends Items {}

/** A dictionary of Python; keys are texts or numbers. */
export class PickleDict {
  readonly entries: Map<string | number | bigint, PickleValue> = new Map();
}

/** A class or function that is admitted, by its name now. */
export class PickleGlobal {
  /**
   * @param name What sentences call it.
   * @param call What calling it with arguments gives, its memory charged; undefined if it is not called like that. Without
   * it, it cannot be called.
   */
  constructor(
    readonly name: string,
    readonly call?: (source: PickleSource, args: readonly PickleValue[]) => PickleValue | undefined,
  ) {}
}

/** A class whose objects are kept as their attributes, {@linkcode PickleObject}. */
export class PickleClass extends PickleGlobal {}

/** What the call of a {@linkcode PickleGlobal} makes that is no plain value, such as an array or a tensor. */
export abstract class PickleMade {
  /** Takes the state that the pickle gives it afterwards; most have none to take. */
  setState(source: PickleSource, _state: readonly PickleValue[]): void {
    throw source.refused("a state for what is no object");
  }
}

/** An array of numbers, of NumPy or PyTorch. */
export abstract class PickleArray extends PickleMade {
  /** Lengths of the axes. */
  abstract readonly shape: readonly number[];
  /** Whether it holds floating-point numbers. */
  abstract get isFloat(): boolean;
  /** Largest relative error of a number that was rounded to the array's type, where that is coarser than float32; else 0. */
  abstract get rounding(): number;
  /** Value `i` in row-major order, whatever the order in the file. */
  abstract at(i: number): number | bigint | boolean;

  /** Number of values. */
  get length(): number {
    return this.shape.reduce((product, extent) => product * extent, 1);
  }

  /**
   * Copies values in row-major order.
   *
   * @param target Where to.
   * @param offset Index of the first in `target`.
   * @param from Index of the first in the array, default 0.
   * @param count How many, default all from there on.
   */
  copyTo(target: Float32Array, offset: number, from = 0, count: number = this.length - from): void {
    for (let i = 0; i < count; i++) target[offset + i] = Number(this.at(from + i));
  }
}

/** An object of a {@linkcode PickleClass}. */
export class PickleObject {
  /** Its attributes. */
  state: PickleDict | undefined;
  constructor(readonly className: string) {}
}
