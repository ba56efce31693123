import { callGlobal, globalNamed, nameOf, newObject, type PickleDialect } from "./dialect.ts";
import { BINPERSID, OP } from "./opcodes.ts";
import type { BitSet } from "./scan.ts";
import type { PickleSource } from "./source.ts";
import { PickleStack, SLOT } from "./stack.ts";
import {
  IntegerRun,
  PickleBytes,
  PickleDict,
  PickleList,
  PickleMade,
  PickleObject,
  PickleSet,
  PickleText,
  PickleTuple,
  type PickleValue,
  Spendable,
} from "./values.ts";

/** Executes the opcodes on a stack of values, as Python's unpickler does. */
export class PickleMachine {
  readonly #stack: PickleStack;
  readonly #memo = new Map<number, PickleValue>();
  #stored = 0;

  /** @param fetched Memo entries that are fetched; the others are not kept. */
  constructor(readonly source: PickleSource, readonly dialect: PickleDialect, readonly fetched: BitSet) {
    this.#stack = new PickleStack(source);
  }

  /** What the pickle holds. */
  run(): PickleValue {
    const { source } = this;
    for (let offset = 0;; offset = source.next) {
      source.step(offset);
      if (source.code === OP.STOP) return this.#stack.result();
      this.#execute();
    }
  }

  #execute(): void {
    const { source, dialect } = this;
    const { code, start, length } = source;
    switch (code) {
      case OP.PROTO:
      case OP.FRAME:
        return;
      case OP.NONE:
        return this.#stack.push(null);
      case OP.NEWTRUE:
        return this.#stack.push(true);
      case OP.NEWFALSE:
        return this.#stack.push(false);
      case OP.BININT:
      case OP.BININT1:
      case OP.BININT2:
      case OP.LONG1:
      case OP.LONG4:
        return this.#stack.push(source.integer);
      case OP.BINFLOAT:
        return this.#stack.push(source.view.getFloat64(start));
      case OP.BINUNICODE:
      case OP.SHORT_BINUNICODE:
      case OP.BINUNICODE8:
        return this.#stack.hold(new PickleText(source, start, length));
      case OP.BINBYTES:
      case OP.SHORT_BINBYTES:
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        return this.#stack.hold(new PickleBytes(source.bytes, start, length));
      case OP.MARK:
        return this.#mark();
      case OP.POP:
        return this.#stack.drop();
      case OP.POP_MARK:
        this.#stack.takeToMark();
        return;
      case OP.DUP:
        return this.#stack.push(share(this.#stack.top()));
      case OP.EMPTY_TUPLE:
        return this.#stack.hold(new PickleTuple([]));
      case OP.TUPLE:
        return this.#stack.hold(new PickleTuple(this.#stack.takeToMark()));
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        // Their codes follow each other.
        return this.#stack.hold(new PickleTuple(this.#stack.take(code - OP.TUPLE1 + 1)));
      case OP.EMPTY_LIST:
        source.charge(72);
        return this.#stack.push(new PickleList());
      case OP.EMPTY_SET:
        source.charge(72);
        return this.#stack.push(new PickleSet());
      case OP.EMPTY_DICT:
        source.charge(160);
        return this.#stack.push(new PickleDict());
      case OP.APPEND:
        return this.#addTo(PickleList, this.#stack.take(1));
      case OP.APPENDS:
        return this.#addTo(PickleList, this.#stack.takeToMark());
      case OP.ADDITEMS:
        return this.#addTo(PickleSet, this.#stack.takeToMark());
      case OP.SETITEM:
        return this.#setItems(this.#stack.take(2));
      case OP.SETITEMS:
        return this.#setItems(this.#stack.takeToMark());
      case OP.GLOBAL: {
        const [module, name] = new TextDecoder().decode(source.bytes.subarray(start, start + length)).split("\n");
        return this.#stack.push(globalNamed(source, dialect, module, name));
      }
      case OP.STACK_GLOBAL: {
        const [module, name] = this.#stack.take(2);
        return this.#stack.push(globalNamed(source, dialect, nameOf(source, module), nameOf(source, name)));
      }
      case OP.REDUCE: {
        const [callee, args] = this.#stack.take(2);
        return this.#stack.push(callGlobal(source, callee, this.#stack.spend(args)));
      }
      case OP.NEWOBJ: {
        const [of, args] = this.#stack.take(2);
        return this.#stack.push(newObject(source, of, this.#stack.spend(args)));
      }
      case BINPERSID: {
        const storage = dialect.persistent?.(source, this.#stack.take(1)[0]);
        if (storage === undefined) {
          throw source.refused("an object kept outside of the file that is no storage of a tensor");
        }
        return this.#stack.push(storage);
      }
      case OP.BUILD:
        return this.#build(this.#stack.take(1)[0]);
      case OP.MEMOIZE:
      case OP.BINPUT:
      case OP.LONG_BINPUT:
        return this.#memoize(this.#stack.top());
      case OP.BINGET:
      case OP.LONG_BINGET:
        // The scan has seen that it is stored before, and it is kept because it is fetched.
        return this.#stack.push(this.#memo.get(source.unsigned)!);
    }
  }

  /** Marks the stack, unless whole numbers alone follow up to the end of their list or set: they stay in the file. */
  #mark(): void {
    const { source } = this;
    const { offset, next } = source;
    let count = 0;
    for (source.step(next); source.isInteger || source.code === OP.FRAME; source.step(source.next)) {
      if (source.code !== OP.FRAME) count++;
    }
    const isList = source.code === OP.APPENDS;
    if (count > 0 && (isList || source.code === OP.ADDITEMS)) {
      source.charge(48);
      this.#addTo(isList ? PickleList : PickleSet, [new IntegerRun(source, next, count)]);
      return;
    }
    source.step(offset);
    this.#stack.mark();
  }

  #addTo(kind: typeof PickleList | typeof PickleSet, items: readonly (PickleValue | IntegerRun)[]): void {
    const target = this.#stack.top();
    if (!(target instanceof kind)) throw this.source.damaged("values are added to what is no list or set");
    if (target.length === 0) this.source.charge(160);
    this.source.charge(SLOT * items.length);
    for (const item of items) target.add(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const target = this.#stack.top();
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
    const target = this.#stack.top();
    if (target instanceof PickleMade) return target.setState(this.source, this.#stack.spend(state));
    if (this.dialect.dropsStates && target instanceof PickleDict) return;
    if (!(target instanceof PickleObject)) throw this.source.refused("a state for what is no object");
    if (!(state instanceof PickleDict) || target.state) throw this.source.damaged("an object has no proper state");
    target.state = state;
  }

  #memoize(value: PickleValue): void {
    // Whatever number the opcode names: the scan has seen that they count up.
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
