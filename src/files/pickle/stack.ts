import type { PickleSource } from "./source.ts";
import { PickleTuple, type PickleValue, Spendable } from "./values.ts";

/** Bytes that V8 takes for a slot of a growing array, copies while it grows included. */
export const SLOT = 40;
/** And for a number in it that is no small integer. */
const NUMBER = 16;

/** The values that opcodes push and take, parted by marks. Memory is charged for its greatest height. */
export class PickleStack {
  readonly #values: PickleValue[] = [];
  /** Heights at each open mark. */
  readonly #marks: number[] = [];
  #highest = 0;
  #mostMarks = 0;

  constructor(readonly source: PickleSource) {}

  /** The one value that is left in the end. */
  result(): PickleValue {
    if (this.#values.length === 1 && this.#marks.length === 0) return this.#values[0];
    throw this.source.damaged("it ends with values left over");
  }

  /** Pushes a value. */
  push(value: PickleValue): void {
    if (this.#values.push(value) > this.#highest) {
      this.#highest = this.#values.length;
      this.source.charge(SLOT + NUMBER);
    }
  }

  /** Pushes a value that takes memory of its own. */
  hold(value: PickleValue & Spendable): void {
    this.source.charge(value.memory);
    this.push(value);
  }

  /** The items of a tuple that was taken from the stack: neither is kept. */
  spend(tuple: PickleValue): PickleValue[] {
    if (!(tuple instanceof PickleTuple)) throw this.source.damaged("arguments are no tuple");
    if (!tuple.isShared) {
      for (const value of [tuple, ...tuple.items]) {
        if (value instanceof Spendable && !value.isShared) this.source.charge(-value.memory);
      }
    }
    return tuple.items as PickleValue[];
  }

  /** Opens a mark. */
  mark(): void {
    if (this.#marks.push(this.#values.length) > this.#mostMarks) {
      this.#mostMarks = this.#marks.length;
      this.source.charge(SLOT);
    }
  }

  /** The value at the top, which stays. */
  top(): PickleValue {
    this.#assertHeight(1);
    return this.#values[this.#values.length - 1];
  }

  /** Takes values from the top, the lowest first. */
  take(count: number): PickleValue[] {
    this.#assertHeight(count);
    return this.#values.splice(this.#values.length - count);
  }

  /** Closes the last mark and takes what is above it. */
  takeToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.source.damaged("a MARK is missing");
    return this.#values.splice(mark);
  }

  /** Drops the value at the top, or the mark where there is one. */
  drop(): void {
    if (this.#marks.at(-1) === this.#values.length) this.#marks.pop();
    else this.take(1);
  }

  #assertHeight(count: number): void {
    const height = this.#values.length - (this.#marks.at(-1) ?? 0);
    if (height < count) throw this.source.damaged("a value is missing");
  }
}
