/** Which field of a row holds its text, and what of a chat is read. */
import { CorpusError } from "./errors.ts";
import { exactText, utf8Of } from "./exact_text.ts";

/** Fields that are looked for where none is named, in this order. */
export const TEXT_FIELDS: readonly string[] = [
  "text",
  "content",
  "prompt",
  "instruction",
  "messages",
  "conversations",
  "conversation",
  "question",
  "query",
  "sentence",
  "document",
  "article",
];

/** Who a turn of a user is by, in the words of OpenAI, ShareGPT and OpenAssistant. */
const USERS = new Set(["user", "human", "prompter"]);
const SHOWN = 200;

/** A row's fields. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * The text of a row; undefined if it has none: no such field, a null there, or a chat in which no user says anything.
 *
 * @param names Fields to look for, the first that the row has is taken; `document.text` is field `text` of `document`.
 * @param place Names the row in messages.
 * @throws {CorpusError} if the field holds something else than a text or a chat.
 */
export function textOf(fields: Fields, names: readonly string[], place: string): string | undefined {
  for (const name of names) {
    // A name with a dot may be one field's, too.
    const value = Object.hasOwn(fields, name) ? fields[name] : valueAt(fields, name.split("."));
    if (value !== undefined) return textOfValue(value, { name, place });
  }
}

/** What stands in a field of a field. */
function valueAt(fields: Fields, [first, ...rest]: readonly string[]): unknown {
  // Of its own: `constructor` is a field of no row.
  const value = Object.hasOwn(fields, first) ? fields[first] : undefined;
  if (rest.length === 0) return value;
  return isObject(value) ? valueAt(value, rest) : undefined;
}

function textOfValue(value: unknown, where: { name: string; place: string }): string | undefined {
  const { name, place } = where;
  if (typeof value === "string") return value;
  // As Python writes a missing text beside others.
  if (value === null || (typeof value === "number" && Number.isNaN(value))) return undefined;
  if (value instanceof Uint8Array) {
    const text = utf8Of(value);
    if (text !== undefined) return text;
    throw new CorpusError(
      `Expected UTF-8 text but ${place} holds other bytes in field "${name}": write them as UTF-8, in Python for ` +
        `example with value.decode("latin1")`,
    );
  }
  if (isChat(value)) return firstUserTurn(value, where);
  if (isObject(value) && !isColumn(value)) {
    const inner = textOf(value, TEXT_FIELDS, place);
    if (inner !== undefined) return inner;
  }
  const shown = exactText(value);
  throw new CorpusError(
    `Expected a text or a chat in field "${name}" but ${place} holds ` +
      `${shown.length > SHOWN ? `${shown.slice(0, SHOWN)}...` : shown} there: ` +
      (shapeAdvice({ [name]: value }) ?? `name the field that holds the text, with --field or the option field`),
  );
}

/** Turns of a chat: lists of objects with a role and what is said. */
function isChat(value: unknown): value is readonly Fields[] {
  return Array.isArray(value) &&
    value.every((turn) => isObject(turn) && typeof roleOf(turn) === "string");
}

const roleOf = ({ role, from }: Fields) => role ?? from;

/** What the user says first, as `--chat` reads it. */
function firstUserTurn(turns: readonly Fields[], where: { name: string; place: string }): string | undefined {
  const turn = turns.find((turn) => USERS.has(String(roleOf(turn)).toLowerCase()));
  if (!turn) return undefined;
  const said = turn.content ?? turn.value ?? turn.text ?? null;
  if (!Array.isArray(said)) return textOfValue(said, where);
  // Of several parts, those of text: images have none.
  const parts = said.filter((part): part is Fields => isObject(part) && typeof part.text === "string");
  return parts.length > 0 ? parts.map(({ text }) => text).join("\n") : undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value) &&
    !(value instanceof Date);
}

/** Whether an object is a column as pandas writes it: `{"0": ..., "1": ...}`. */
function isColumn(value: Fields): boolean {
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key, i) => key === String(i));
}

/** What to do with an object that is a whole table instead of a row; undefined if it looks like a row. */
export function shapeAdvice(fields: Fields): string | undefined {
  const values = Object.entries(fields);
  if (values.length > 0 && values.every(([, value]) => isObject(value) && isColumn(value))) {
    return "these are columns, as pandas writes a table by default: write it by rows, in pandas with " +
      'to_json(path, orient="records", lines=True)';
  }
  if (["columns", "data"].every((name) => Array.isArray(fields[name]))) {
    return 'this is a whole table, as pandas writes it with orient="split": write it by rows, with ' +
      'to_json(path, orient="records", lines=True)';
  }
  const [list] = values.find(([, value]) => Array.isArray(value) && value.length > 0 && value.every(isObject)) ?? [];
  if (list !== undefined && !TEXT_FIELDS.includes(list)) {
    return `if its rows are the list in field "${list}", write these alone, one object a line`;
  }
  if (values.length > 0 && values.every(([, value]) => Array.isArray(value) && value.every((x) => !isObject(x)))) {
    return "these are columns: write the table by rows, one object a line";
  }
  const rows = values.filter(([, value]) => isObject(value));
  if (rows.length > 1 && rows.length === values.length) {
    return 'if each of these is a row, write them as a list, in pandas with to_json(path, orient="records", lines=True)';
  }
}
