/** Files and folders that flags name: a run finds out that one is not there before it loads anything. */
import { corpusFiles } from "../../activations/corpus_files.ts";
import { isHubName } from "../../hub/hub_file.ts";
import { isFolder } from "../../files/exists.ts";
import { fileInfo } from "../../files/open.ts";
import { assertModelPlace } from "../../model/model_files.ts";
import { type Flag, flagName, type Flags, type NamedKind, UsageError } from "./flags.ts";

/** A published dictionary, which is no file here. */
const PUBLISHED = /^hub:/;

/** What a flag names. */
export interface Named {
  /** The flag, in camel case. */
  readonly flag: string;
  readonly kind: NamedKind;
  /** Paths, patterns, or names on the hub. */
  readonly names: readonly string[];
}

/**
 * Everything that flags name, here or on the hub.
 *
 * @param values Of the flags, by name.
 * @param declared Which of them name what.
 * @throws {UsageError} if one names the same twice.
 */
export function namedBy(values: Readonly<Record<string, unknown>>, declared: Flags): Named[] {
  return Object.entries(declared).flatMap(([flag, { names: kind }]: [string, Flag]) => {
    const value = values[flag];
    return kind === undefined || typeof value !== "string" ? [] : [{ flag, kind, names: namesIn(value, kind) }];
  });
}

/**
 * Throws unless everything is there that flags name; what lies on the hub is fetched later, and said by its name there.
 *
 * @throws {UsageError} A sentence that names the flag and the file.
 */
export async function assertNamed(named: readonly Named[]): Promise<void> {
  for (const { flag, kind, names } of named) {
    for (const name of names) {
      if (isHubName(name)) continue;
      try {
        await assertThere(name, kind);
      } catch (cause) {
        throw new UsageError(`${flagName(flag)}: ${(cause as Error).message.replace(/\.?$/, ".")}`, { cause });
      }
    }
  }
}

function namesIn(value: string, kind: NamedKind): string[] {
  switch (kind) {
    case "corpus":
    case "file":
    case "model":
      return [value];
    case "file or none":
      return value === "none" ? [] : [value];
    case "corpora":
      return distinctNames(value);
    case "dictionaries":
      return distinctNames(value).filter((name) => !PUBLISHED.test(name));
    default:
      return kind satisfies never;
  }
}

/** Names with commas between, none twice: it would count as two. */
function distinctNames(value: string): string[] {
  const names = value.split(",");
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return names;
  throw new UsageError(`Expected different names but "${twice}" stands there twice: name each once.`);
}

async function assertThere(name: string, kind: NamedKind): Promise<void> {
  switch (kind) {
    case "corpus":
    case "corpora":
      // A pipe among them would give its texts to nobody but the first who reads it.
      for (const { path } of await corpusFiles(name)) await fileInfo(path);
      return;
    case "model":
      await assertModelPlace(name);
      return;
    case "file":
    case "file or none":
    case "dictionaries":
      if (!await isFolder(name)) await assertFileThere(name);
      return;
    default:
      return kind satisfies never;
  }
}

async function assertFileThere(name: string): Promise<void> {
  try {
    await fileInfo(name);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) throw cause;
    throw new UsageError(
      `Expected a file or folder at "${name}" but there is none: check the path, seen from "${Deno.cwd()}"`,
      { cause },
    );
  }
}
