/**
 * Python pickles, read as data. Nothing is imported or called: names are looked up in a short list, and what is on it is
 * done here. Memory stays within three times the file's size, whatever the file says.
 */
import { callGlobal, globalNamed, nameOf, newObject } from "./pickle_globals.ts";
import { NumpyArray, NumpyDtype, setArrayState, setDtypeState } from "./pickle_numpy.ts";
import { OP } from "./pickle_opcodes.ts";
import { type BitSet, scanPickle } from "./pickle_scan.ts";
import { PickleSource } from "./pickle_source.ts";
import {
  integerAt,
  IntegerRun,
  isInteger,
  PickleBytes,
  PickleDict,
  PickleList,
  PickleObject,
  PickleSet,
  PickleText,
  PickleTuple,
  type PickleValue,
  Spendable,
} from "./pickle_values.ts";

export { NumpyArray, NumpyDtype } from "./pickle_numpy.ts";
export * from "./pickle_values.ts";

/** Bytes that V8 takes for a slot of a growing array, copies while it grows included. */
const SLOT = 40;

/**
 * Reads a pickle of protocols 2 to 5 as data. Admitted are None, bool, int (of 64 bits), float, str, bytes, tuple, list,
 * dict, set, NumPy arrays, scalars and dtypes of numbers, and objects of the classes `ep.discovery.dictionary.Dictionary`
 * and `Partition`.
 *
 * @param bytes The whole file. It must stay as it is while the result is used: texts and arrays are parts of it.
 * @param name What sentences call it, such as its path.
 * @throws {Error} A sentence: what is asked for and not admitted, where the file is damaged, or that it takes too much
 * memory.
 */
export function readPickle(bytes: Uint8Array, name: string): PickleValue {
  const source = new PickleSource(bytes, name);
  return new Machine(source, scanPickle(source)).run();
}

/** Executes the opcodes on a stack of values, as Python's unpickler does. */
class Machine {
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at each open MARK. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #stored = 0;
  #highest = 0;
  #mostMarks = 0;

  constructor(readonly source: PickleSource, readonly fetched: BitSet) {}

  run(): PickleValue {
    const { source } = this;
    for (let at = 0;; at = source.next) {
      source.step(at);
      if (source.code === OP.STOP) break;
      this.#execute();
    }
    if (this.#stack.length !== 1 || this.#marks.length > 0) throw source.damaged("it ends with values left over");
    return this.#stack[0];
  }

  #execute(): void {
    const { source } = this;
    const { code, start, length } = source;
    switch (code) {
      case OP.PROTO:
      case OP.FRAME:
        return;
      case OP.NONE:
        return this.#push(null);
      case OP.NEWTRUE:
        return this.#push(true);
      case OP.NEWFALSE:
        return this.#push(false);
      case OP.BININT:
      case OP.BININT1:
      case OP.BININT2:
      case OP.LONG1:
      case OP.LONG4:
        return this.#push(integerAt(source));
      case OP.BINFLOAT:
        return this.#push(source.view.getFloat64(start));
      case OP.BINUNICODE:
      case OP.SHORT_BINUNICODE:
      case OP.BINUNICODE8:
        return this.#pushSpendable(new PickleText(source, start, length));
      case OP.BINBYTES:
      case OP.SHORT_BINBYTES:
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        return this.#pushSpendable(new PickleBytes(source.bytes, start, length));
      case OP.MARK:
        return this.#mark();
      case OP.POP:
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        return;
      case OP.POP_MARK:
        this.#sinceMark();
        return;
      case OP.DUP:
        return this.#push(share(this.#top()));
      case OP.EMPTY_TUPLE:
        return this.#pushSpendable(new PickleTuple([]));
      case OP.TUPLE:
        return this.#pushSpendable(new PickleTuple(this.#sinceMark()));
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        return this.#pushSpendable(new PickleTuple(this.#popMany(code - OP.TUPLE1 + 1)));
      case OP.EMPTY_LIST:
        source.charge(72);
        return this.#push(new PickleList());
      case OP.EMPTY_SET:
        source.charge(72);
        return this.#push(new PickleSet());
      case OP.EMPTY_DICT:
        source.charge(160);
        return this.#push(new PickleDict());
      case OP.APPEND:
        return this.#addTo(PickleList, this.#popMany(1));
      case OP.APPENDS:
        return this.#addTo(PickleList, this.#sinceMark());
      case OP.ADDITEMS:
        return this.#addTo(PickleSet, this.#sinceMark());
      case OP.SETITEM:
        return this.#setItems(this.#popMany(2));
      case OP.SETITEMS:
        return this.#setItems(this.#sinceMark());
      case OP.GLOBAL: {
        const [module, name] = new TextDecoder().decode(source.bytes.subarray(start, start + length)).split("\n");
        return this.#push(globalNamed(source, module, name));
      }
      case OP.STACK_GLOBAL: {
        const [module, name] = this.#popMany(2);
        return this.#push(globalNamed(source, nameOf(source, module), nameOf(source, name)));
      }
      case OP.REDUCE: {
        const [callee, args] = this.#popMany(2);
        return this.#push(callGlobal(source, callee, this.#spend(args)));
      }
      case OP.NEWOBJ: {
        const [of, args] = this.#popMany(2);
        return this.#push(newObject(source, of, this.#spend(args)));
      }
      case OP.BUILD:
        return this.#build(this.#pop());
      case OP.MEMOIZE:
      case OP.BINPUT:
      case OP.LONG_BINPUT:
        return this.#memoize(this.#top());
      case OP.BINGET:
      case OP.LONG_BINGET:
        return this.#push(this.#memo.get(source.unsigned)!);
    }
  }

  #push(value: PickleValue): void {
    if (this.#stack.push(value) > this.#highest) {
      this.#highest = this.#stack.length;
      this.source.charge(SLOT + 16);
    }
  }

  #pushSpendable(value: PickleText | PickleBytes | PickleTuple): void {
    this.source.charge(value.memory);
    this.#push(value);
  }

  /** The items of a tuple that was taken from the stack: neither is kept. */
  #spend(tuple: PickleValue): PickleValue[] {
    if (!(tuple instanceof PickleTuple)) throw this.source.damaged("arguments are no tuple");
    if (!tuple.isShared) {
      for (const value of [tuple, ...tuple.items]) {
        if (value instanceof Spendable && !value.isShared) this.source.charge(-value.memory);
      }
    }
    return tuple.items as PickleValue[];
  }

  /** Values above the last open mark. */
  #height(): number {
    return this.#stack.length - (this.#marks.at(-1) ?? 0);
  }

  #pop(): PickleValue {
    return this.#popMany(1)[0];
  }

  #popMany(count: number): PickleValue[] {
    if (this.#height() < count) throw this.source.damaged("a value is missing");
    return this.#stack.splice(this.#stack.length - count);
  }

  #top(): PickleValue {
    if (this.#height() < 1) throw this.source.damaged("a value is missing");
    return this.#stack[this.#stack.length - 1];
  }

  #sinceMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.source.damaged("a MARK is missing");
    return this.#stack.splice(mark);
  }

  /** Marks the stack, unless whole numbers alone follow up to the end of their list or set: they stay in the file. */
  #mark(): void {
    const { source } = this;
    const { at, next } = source;
    let count = 0;
    for (source.step(next); isInteger(source) || source.code === OP.FRAME; source.step(source.next)) {
      if (source.code !== OP.FRAME) count++;
    }
    const isList = source.code === OP.APPENDS;
    if (count > 0 && (isList || source.code === OP.ADDITEMS)) {
      source.charge(48);
      this.#addTo(isList ? PickleList : PickleSet, [new IntegerRun(source, next, count)]);
      return;
    }
    source.step(at);
    if (this.#marks.push(this.#stack.length) > this.#mostMarks) {
      this.#mostMarks = this.#marks.length;
      source.charge(SLOT);
    }
  }

  #addTo(kind: typeof PickleList | typeof PickleSet, items: readonly (PickleValue | IntegerRun)[]): void {
    const target = this.#top();
    if (!(target instanceof kind)) throw this.source.damaged("values are added to what is no list or set");
    if (target.length === 0) this.source.charge(160);
    this.source.charge(SLOT * items.length);
    for (const item of items) target.add(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const target = this.#top();
    if (!(target instanceof PickleDict)) throw this.source.damaged("items are set in what is no dictionary");
    if (items.length % 2 !== 0) throw this.source.damaged("a key has no value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i] instanceof PickleText ? nameOf(this.source, items[i]) : items[i];
      if (typeof key !== "string" && typeof key !== "number" && typeof key !== "bigint") {
        throw this.source.refused("a dictionary whose keys are neither texts nor numbers");
      }
      this.source.charge(64);
      target.entries.set(key, items[i + 1]);
    }
  }

  #build(state: PickleValue): void {
    const target = this.#top();
    if (target instanceof NumpyArray) return setArrayState(this.source, target, this.#spend(state));
    if (target instanceof NumpyDtype) return setDtypeState(this.source, target, this.#spend(state));
    if (!(target instanceof PickleObject)) throw this.source.refused("a state for what is no object");
    if (!(state instanceof PickleDict) || target.state) throw this.source.damaged("an object has no proper state");
    target.state = state;
  }

  #memoize(value: PickleValue): void {
    const index = this.#stored++;
    if (!this.fetched.has(index)) return;
    this.source.charge(96);
    this.#memo.set(index, share(value));
  }
}

function share(value: PickleValue): PickleValue {
  if (value instanceof Spendable) value.isShared = true;
  return value;
}
