/** What the pickles of one program may ask for by name. Whoever opens a file hands it in; there is no list for all. */
import { LONGEST_NAME, type PickleSource } from "./source.ts";
import { PickleClass, PickleGlobal, PickleObject, PickleText, type PickleValue } from "./values.ts";

/** What the pickles of one program may ask for. */
export interface PickleDialect {
  /** What sentences say is admitted besides plain values. */
  readonly admits: string;
  /** The names that may be asked for, `module.name`, and what each stands for. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** What an object outside of the pickle is; undefined if it is not admitted. Without it, none is. */
  persistent?(source: PickleSource, id: PickleValue): PickleValue | undefined;
  /** Whether dictionaries may be given a state, which is dropped; default false. */
  readonly dropsStates?: boolean;
}

/** What a name stands for; a sentence for any that is not admitted. */
export function globalNamed(
  source: PickleSource,
  { globals }: PickleDialect,
  module: string,
  name: string,
): PickleGlobal {
  const global = globals.get(`${module}.${name}`);
  if (!global) throw source.refused(`${printable(module)}.${printable(name)}`);
  return global;
}

/** A text of the file as part of a name. */
export function nameOf(source: PickleSource, value: PickleValue | undefined): string {
  if (!(value instanceof PickleText)) throw source.damaged("a name is no text");
  if (value.length > LONGEST_NAME) throw source.damaged(`a name is ${value.length} bytes long`);
  return value.toString();
}

/** Names in sentences: whatever a file calls them, on one line. */
function printable(name: string): string {
  // deno-lint-ignore no-control-regex
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "?");
}

/** What `callee(*args)` gives. */
export function callGlobal(source: PickleSource, callee: PickleValue, args: readonly PickleValue[]): PickleValue {
  if (!(callee instanceof PickleGlobal)) throw source.refused("a call of what is no function");
  const made = callee.call?.(source, args);
  if (made === undefined) throw source.refused(`a call of ${callee.name}`);
  return made;
}

/** A new object of an admitted class, without attributes. */
export function newObject(source: PickleSource, of: PickleValue, args: readonly PickleValue[]): PickleObject {
  if (!(of instanceof PickleClass)) throw source.refused("an object of what is not a known class");
  if (args.length > 0) throw source.refused(`a ${of.name} made with arguments`);
  source.charge(40);
  return new PickleObject(of.name);
}
