/**
 * The models and corpora that come with the module, which the flags' defaults name: wherever a script is started, be it
 * from another folder or through a URL, the default is the embedded one.
 */
import { createHash } from "node:crypto";
import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomic } from "../../files/atomic.ts";
import { exists } from "../../files/exists.ts";
import { readText } from "../../files/open.ts";
import { currentSettings } from "../../hub/options.ts";
import type { Flags } from "./flags.ts";

/** The module's own folder, or where it is imported from. */
const ROOT = new URL("../../../", import.meta.url);
const FOLDER = "fixtures/";
/** All embedded files, and the SHA-256 of each. */
const LIST = `${FOLDER}files.json`;

/** Where the module is, and what is told of fetching. */
interface EmbeddedOptions {
  /** Folder of downloads; default that of the hub's. */
  readonly cache?: string;
  /** Takes a sentence before files are fetched. */
  readonly say?: (sentence: string) => void;
  /** Folder of the module; default this file's. */
  readonly root?: URL;
}

/**
 * Values of flags where every default that is embedded is named as seen from the working folder. Where the module was
 * imported from a URL, its files are fetched into the cache, and checked by their SHA-256.
 *
 * @param isGiven Whether a flag stands on the command line: such a value is the user's.
 * @throws {Error} A sentence if a file cannot be fetched, or is another one.
 */
export async function withEmbedded<V extends object>(
  values: V,
  flags: Flags,
  isGiven: (flag: string) => boolean,
  { cache, say = () => {}, root = ROOT }: EmbeddedOptions = {},
): Promise<V> {
  const placed = new Map<string, unknown>(Object.entries(values));
  for (const [flag, value] of Object.entries(values)) {
    if (typeof value !== "string" || value !== flags[flag]?.default || isGiven(flag)) continue;
    const paths = value.split(",").map((path) => {
      if (!path.startsWith(FOLDER)) return path;
      return root.protocol === "file:" ? placeOf(path, root) : cachedFrom(root, path, cache, say);
    });
    placed.set(flag, (await Promise.all(paths)).join(","));
  }
  return Object.fromEntries(placed) as V;
}

/** Fetches an embedded file, or all of a folder, unless it is there; says where. The module's other versions have others. */
async function cachedFrom(root: URL, path: string, cache: string | undefined, say: (sentence: string) => void) {
  const version = createHash("sha256").update(root.href).digest("hex").slice(0, 16);
  const folder = join(currentSettings({ cacheDir: cache }).cacheDir, "embedded", version);
  const keep = async (file: string, sha256?: string) => {
    const place = join(folder, file);
    if (await exists(place)) return;
    say(`Fetching ${new URL(file, root)} to ${place}`);
    const bytes = await fetched(new URL(file, root));
    if (sha256 !== undefined && createHash("sha256").update(bytes).digest("hex") !== sha256) {
      throw new Error(`Expected ${new URL(file, root)} to be as ${LIST} says but it is another file: fetch it again`);
    }
    await writeFileAtomic(place, bytes);
  };
  // Kept like the modules that Deno has fetched from there: what is started offline then finds both.
  await keep(LIST);
  const list = JSON.parse(await readText(join(folder, LIST))) as Record<string, string>;
  for (const [file, sha256] of Object.entries(list)) {
    if (file === path || file.startsWith(`${path}/`)) await keep(file, sha256);
  }
  return join(folder, path);
}

/** Where an embedded file or folder lies, as seen from the working folder if it is below. */
function placeOf(path: string, root: URL): string {
  const place = fileURLToPath(new URL(path, root));
  const seen = relative(Deno.cwd(), place);
  return seen.startsWith("..") || isAbsolute(seen) ? place : seen;
}

async function fetched(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the answer is ${response.status}`);
    return await response.bytes();
  } catch (cause) {
    const remedy = cause instanceof Deno.errors.NotCapable ? `allow it with --allow-net=${url.host}` : "try again";
    throw new Error(
      `Cannot fetch ${url}, which a flag's default needs: ${remedy}, or name a file of your own with that flag`,
      { cause },
    );
  }
}
