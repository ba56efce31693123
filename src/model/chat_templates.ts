/**
 * Chat templates: from the files that exporters write today, or else from tokenizer_config.json, as in transformers.
 */
import { basename, extname, join } from "node:path";
import { exists } from "../files/exists.ts";
import { readText } from "../files/open.ts";

/** Templates by name. The one that chats are put in is called `default`. */
export type ChatTemplates = Readonly<Record<string, string>>;

const FILE = "chat_template.jinja";
const FOLDER = "additional_chat_templates";

/**
 * Reads the templates that lie in files of a model folder: `chat_template.jinja`, the default one, and
 * `additional_chat_templates/<name>.jinja`.
 *
 * @returns None if there are no such files.
 */
export async function readChatTemplates(folder: string): Promise<ChatTemplates> {
  const templates: Record<string, string> = {};
  const others = join(folder, FOLDER);
  for await (const { name } of await exists(others) ? Deno.readDir(others) : []) {
    if (extname(name) === ".jinja") templates[basename(name, ".jinja")] = await readText(join(others, name));
  }
  if (await exists(join(folder, FILE))) templates.default = await readText(join(folder, FILE));
  return templates;
}

/**
 * The template that a model's chats are put in.
 *
 * @param files Templates from files: where there are any, the configuration's do not count.
 * @param configured `chat_template` of tokenizer_config.json, one or several by name.
 * @throws {Error} if the model has no template, or several and none of them is the default.
 */
export function chatTemplate(files: ChatTemplates, configured: string | ChatTemplates | null): string {
  const templates = named(files, configured);
  if (templates.default) return templates.default;
  const names = Object.keys(templates).filter((name) => name !== "default").sort();
  if (names.length > 0) {
    throw new Error(
      `Expected a chat template named default but the model has ${names.join(", ")}: copy the one to use to ${FILE}`,
    );
  }
  throw new Error(
    `Expected a model with a chat template but it has none, neither ${FILE} nor chat_template in tokenizer_config.json, ` +
      `like most base models: load its instruction-tuned version, put a ${FILE} in its folder, or read texts as they are`,
  );
}

/** All templates that a model has, whichever chats are put in. */
export function templatesOf(files: ChatTemplates, configured: string | ChatTemplates | null): string[] {
  return Object.values(named(files, configured));
}

function named(files: ChatTemplates, configured: string | ChatTemplates | null): ChatTemplates {
  if (Object.keys(files).length > 0) return files;
  return typeof configured === "string" ? { default: configured } : configured ?? {};
}

/** A tag of a template with its first word, an expression that it writes, a comment, or text between these. */
const PARTS = /\{%[-+]?\s*(\w+)([\s\S]*?)[-+]?%\}|\{\{[\s\S]*?\}\}|\{#[\s\S]*?#\}|(?:(?!\{[%{#])[\s\S])+/g;

/**
 * Throws if a template leaves a turn of a loop after it has written something in it: transformers.js loses that text.
 */
export function assertLoopsWriteLast(template: string): void {
  // What has been written in the current turn, and what had been where each open block begins.
  let wrote = false;
  const blocks: { readonly before: boolean; any: boolean }[] = [];
  for (const [part, tag, rest] of template.matchAll(PARTS)) {
    switch (tag) {
      case "for":
      case "if":
      case "macro":
      case "call":
      case "filter":
        blocks.push({ before: wrote, any: wrote });
        if (tag !== "if") wrote = false;
        break;
      case "set":
        // Without a value it is a block, whose text is kept for later.
        if (!rest.includes("=")) blocks.push({ before: wrote, any: wrote });
        break;
      case "elif":
      case "else": {
        const block = blocks.at(-1);
        if (!block) break;
        block.any ||= wrote;
        wrote = block.before;
        break;
      }
      case "endfor":
      case "endif":
      case "endcall":
      case "endfilter":
        wrote ||= blocks.pop()?.any ?? false;
        break;
      case "endmacro":
      case "endset":
        wrote = blocks.pop()?.before ?? false;
        break;
      case "break":
      case "continue":
        if (!wrote) break;
        throw new Error(
          `Expected a chat template that writes nothing before it leaves a turn of a loop but this one does before {% ${tag} %}, ` +
            `and that text would be lost: write it without ${tag}, with a condition around what follows, in ${FILE}`,
        );
      case undefined:
        if (!part.startsWith("{#") && part.trim() !== "") wrote = true;
    }
  }
}
