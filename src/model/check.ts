/** Checks of what callers pass in. */
import { assertKind, inWords } from "../compute/kinds.ts";
import type { ChatMessage } from "./types.ts";

/** Throws a RangeError unless `value` is an integer greater than 0. */
export function assertCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`Expected ${name} to be an integer greater than 0 but got ${inWords(value)}`);
  }
}

/** Throws a TypeError unless these are messages of a chat: a template says of others what nobody understands. */
export function assertChat(messages: readonly ChatMessage[]): void {
  assertKind("messages of a chat", messages, "list");
  for (const [i, message] of messages.entries()) {
    assertKind(`message ${i} of a chat`, message, "object");
    assertKind(`role of message ${i}`, message.role, "string");
    assertKind(`content of message ${i}`, message.content, "string");
  }
}
