/** A chat in its template, and which of its control tokens the template has written: the others stand in its messages. */
import type { ControlTokens, IsToken } from "./control_tokens.ts";
import type { ChatMessage } from "./types.ts";

/** What is put before a message's control token, and behind one that the message begins with. */
interface Marks {
  readonly before: string;
  readonly behind: string;
}

/**
 * Writes a chat.
 *
 * @param write Puts messages in the template.
 * @throws {Error} if the messages hold control tokens and the template does not write them as they are.
 */
export function chatParts(
  messages: readonly ChatMessage[],
  control: ControlTokens,
  write: (messages: readonly ChatMessage[]) => string,
): { readonly text: string; readonly isToken: IsToken } {
  const text = write(messages);
  const tokens = new Set(textsIn(messages).flatMap((content) => control.in(content).map(({ token }) => token)));
  if (tokens.size === 0) return { text, isToken: tokensWithout(new Set(), text, control) };
  const marks = freeMarks(text + textsIn(messages).join(""));
  const marked = marks && write(mapTexts(messages, (content) => mark(content, control, marks)) as ChatMessage[]);
  // A template may look for a token in what it is given: then the one with marks is another chat.
  if (marked?.replaceAll(marks!.before, "").replaceAll(marks!.behind, "") !== text) {
    throw new Error(
      `Expected a chat template that writes messages as they are but it treats ${[...tokens].join(" and ")} in them ` +
        "otherwise, so that the messages' own cannot be told from the template's: take them out of the messages",
    );
  }
  return { text, isToken: tokensWithout(markedPlaces(marked, control, marks!), text, control) };
}

/** A text in which every control token has a mark: where the text begins or ends templates look first. */
function mark(text: string, control: ControlTokens, { before, behind }: Marks): string {
  const first = text.length - text.trimStart().length;
  let [marked, end] = ["", 0];
  for (const { token, start } of control.in(text)) {
    marked += text.slice(end, start) + (start === first ? token + behind : before + token);
    end = start + token.length;
  }
  return marked + text.slice(end);
}

/** Where the control tokens that have a mark begin in the text without marks. */
function markedPlaces(marked: string, control: ControlTokens, { before, behind }: Marks): ReadonlySet<number> {
  const [text, starts, ends] = [[] as string[], new Set<number>(), new Set<number>()];
  for (const unit of marked.split("")) {
    if (unit === before) starts.add(text.length);
    else if (unit === behind) ends.add(text.length);
    else text.push(unit);
  }
  const places = control.in(text.join(""))
    .filter(({ token, start }) => starts.has(start) || ends.has(start + token.length));
  return new Set(places.map(({ start }) => start));
}

/** Takes the control tokens of a text for tokens, but for those at some places. */
function tokensWithout(places: ReadonlySet<number>, text: string, control: ControlTokens): IsToken {
  const inOrder = Map.groupBy(control.in(text), ({ token }) => token);
  const asked = new Map<string, number>();
  return (token, start) => {
    const number = asked.get(token) ?? 0;
    asked.set(token, number + 1);
    if (start !== null) return !places.has(start);
    // A normalizer has moved it: the n-th of its kind still is the n-th, unless others have become like it.
    const written = inOrder.get(token)?.[number];
    if (written) return !places.has(written.start);
    throw new Error(
      `Expected messages whose normalized text has no more control tokens than before but ${token} is one more: ` +
        "take it out of the messages",
    );
  };
}

/** Two characters for private use that a text does not hold. */
function freeMarks(text: string): Marks | undefined {
  const free: string[] = [];
  for (let code = 0xe000; code <= 0xf8ff && free.length < 2; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) free.push(character);
  }
  return free.length < 2 ? undefined : { before: free[0], behind: free[1] };
}

function textsIn(value: unknown): string[] {
  const texts: string[] = [];
  mapTexts(value, (text) => (texts.push(text), text));
  return texts;
}

/** A copy of data in which every text is another: whatever a message has, a template may write. */
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
}
