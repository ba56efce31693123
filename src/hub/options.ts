/** Where the hub is, who asks, and where files are kept: what a caller says, else the variables of the field's tools. */
import { join, resolve } from "node:path";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { textOf } from "../files/open.ts";
import { HubError } from "./errors.ts";

/** The hub itself. */
export const HUB = "https://huggingface.co";

/** Hosts of the hub that take a token; what they redirect to takes none. */
const HUB_HOSTS = ["huggingface.co", "hf.co"];

/** How files are fetched from the hub. */
export interface HubOptions {
  /** The hub, or a mirror of it; default `HF_ENDPOINT`, else `https://huggingface.co`. */
  endpoint?: string;
  /**
   * Default `HF_TOKEN`, else what `hf auth login` keeps. Goes to huggingface.co, hf.co and the hosts of `tokenFor`, never
   * where these redirect to; is never printed nor stored.
   */
  token?: string;
  /** Other hosts that get the token: `mirror.example` or `mirror.example:8080`. */
  tokenFor?: readonly string[];
  /** Where downloads are kept; default `EXEMPLAR_CACHE`, else `exemplar/hub` in the user's folder of caches. */
  cacheDir?: string;
  /** Takes what is cached and asks nobody; default `HF_HUB_OFFLINE`. */
  offline?: boolean;
  /** Asks the hub for the newest commit of a branch even if an earlier one is cached; default false. */
  refresh?: boolean;
  /** Ends a download; what came is kept, and goes on the next time. */
  signal?: AbortSignal;
  /** Called before a download begins. */
  onPlan?: (plan: DownloadPlan) => void;
  /** Called while bytes arrive. */
  onProgress?: (progress: Progress) => void;
  /** Called with a sentence before the hub is waited for, or asked again. */
  onWait?: (sentence: string) => void;
  /** Called with the commit that files were taken from. */
  onUse?: (use: HubUse) => void;
}

/** The kinds of {@linkcode HubOptions}. */
export const HUB_OPTIONS: OptionKinds<HubOptions> = {
  endpoint: "string",
  token: "string",
  tokenFor: "strings",
  cacheDir: "string",
  offline: "boolean",
  refresh: "boolean",
  signal: AbortSignal,
  onPlan: "function",
  onProgress: "function",
  onWait: "function",
  onUse: "function",
};

/** Which commit of a repository was used. */
export interface HubUse {
  /** Owner and name. */
  readonly repo: string;
  /** What the repository holds. */
  readonly type: "model" | "dataset";
  /** Branch, tag or commit that was asked for. */
  readonly revision: string;
  /** The commit that it was. */
  readonly commit: string;
  /** Whether all came from a cache. */
  readonly cached: boolean;
}

/** What is about to be downloaded. */
export interface DownloadPlan {
  /** Owner and name. */
  readonly repo: string;
  /** Branch, tag or commit that was asked for. */
  readonly revision: string;
  /** The commit that it is. */
  readonly commit: string;
  /** The files that are not there yet, in the order of their download. */
  readonly files: readonly { readonly path: string; readonly bytes: number | undefined }[];
  /** Bytes to fetch, what an interrupted download left taken off; undefined if a server does not tell sizes. */
  readonly bytes: number | undefined;
  /** Folder that they go to. */
  readonly folder: string;
}

/** How far the download of a file is. */
export interface Progress {
  /** The file's path in its repository. */
  readonly path: string;
  /** Bytes that are there. */
  readonly received: number;
  /** Bytes in all, if the server tells. */
  readonly total: number | undefined;
}

/** {@link HubOptions} with every default filled in. */
export interface HubSettings extends HubOptions {
  readonly endpoint: string;
  readonly cacheDir: string;
  readonly offline: boolean;
  readonly refresh: boolean;
  /** Caches of other programs, in the same layout: read, never written. */
  readonly otherCaches: readonly string[];
  /** The token that goes to a place, if any. */
  tokenOf(url: URL): Promise<string | undefined>;
}

let defaults: HubOptions = {};

/**
 * Sets what all that this process fetches goes by, where a call says nothing else. These settings take the place of the
 * former ones, they do not join them.
 *
 * @returns Puts the former settings back.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { HubUnreachableError } from "./errors.ts";
 * import { hubFile } from "./hub_file.ts";
 *
 * const cacheDir = await Deno.makeTempDir();
 * const restore = configureHub({ offline: true, cacheDir });
 * await assertRejects(() => hubFile({ repo: "owner/name", path: "config.json" }), HubUnreachableError, cacheDir);
 * restore();
 * await Deno.remove(cacheDir);
 * ```
 */
export function configureHub(options: HubOptions): () => void {
  assertOptions("configureHub", options, HUB_OPTIONS);
  const before = defaults;
  defaults = options;
  return () => void (defaults = before);
}

/**
 * What a call says, else {@link configureHub}, else the environment.
 *
 * @throws {HubError} if the endpoint is not a URL.
 */
export function currentSettings(options: HubOptions): HubSettings {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return hubSettings({ ...defaults, ...Object.fromEntries(said) });
}

/**
 * Fills in the defaults.
 *
 * @throws {HubError} if the endpoint is not a URL.
 */
export function hubSettings(options: HubOptions): HubSettings {
  const endpoint = (options.endpoint ?? variable("HF_ENDPOINT") ?? HUB).replace(/\/+$/, "");
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new HubError(
      `Expected the hub's address to be such as ${HUB} but got "${endpoint}": correct HF_ENDPOINT or the option endpoint`,
    );
  }
  if (new URL(endpoint).username !== "") {
    throw new HubError(
      "Expected the hub's address without a user's name or password: set HF_TOKEN, and name the host with tokenFor",
    );
  }
  const cacheDir = expanded(options.cacheDir) ?? ownCache();
  const { token, tokenFor = [] } = options;
  const offline = options.offline ?? isTrue(variable("HF_HUB_OFFLINE"));
  const hosts = new Set([...HUB_HOSTS, ...tokenFor.map(hostOf)]);
  return {
    ...options,
    endpoint,
    cacheDir,
    offline,
    // Who is offline cannot ask: what is cached must do.
    refresh: options.refresh === true && !offline,
    otherCaches: [pythonCache()].filter((folder) => resolve(folder) !== resolve(cacheDir)),
    async tokenOf({ host, hostname, protocol }) {
      // A host that is named without a port is trusted on every port.
      const isTrusted = hosts.has(host) || hosts.has(hostname);
      // Unencrypted, a token is for all to read: the hub's own hosts never get it so.
      if (!isTrusted || (protocol !== "https:" && HUB_HOSTS.includes(hostname))) return undefined;
      return checkedToken(token ?? await usersToken());
    },
  };
}

/** A token that can stand in a header; what is wrong with it is not repeated. */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  throw new HubError(
    "Expected the hub's token to be one word of letters, digits and signs but it has other characters or several lines: " +
      "correct HF_TOKEN, or sign in again with hf auth login",
  );
}

/** `mirror.example:8080` of a host or a URL. */
function hostOf(given: string): string {
  const text = given.trim().replace(/\/+$/, "");
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? new URL(text).host : text.toLowerCase();
}

function ownCache(): string {
  const caches = variable("XDG_CACHE_HOME") ?? variable("LOCALAPPDATA") ?? join(home(), ".cache");
  return folderOf("EXEMPLAR_CACHE") ?? join(caches, "exemplar", "hub");
}

/** Where Python's `huggingface_hub` keeps its files. */
function pythonCache(): string {
  return folderOf("HF_HUB_CACHE") ?? folderOf("HUGGINGFACE_HUB_CACHE") ?? join(pythonHome(), "hub");
}

function pythonHome(): string {
  return folderOf("HF_HOME") ?? join(variable("XDG_CACHE_HOME") ?? join(home(), ".cache"), "huggingface");
}

/** The user's token, as `huggingface_hub` finds it. */
async function usersToken(): Promise<string | undefined> {
  if (isTrue(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return undefined;
  const given = variable("HF_TOKEN") ?? variable("HUGGING_FACE_HUB_TOKEN");
  if (given) return given.trim();
  return (await textOf(folderOf("HF_TOKEN_PATH") ?? join(pythonHome(), "token")))?.trim() || undefined;
}

function home(): string {
  return variable("HOME") ?? variable("USERPROFILE") ?? ".";
}

/** A folder that a variable names. */
function folderOf(name: string): string | undefined {
  return expanded(variable(name));
}

/** A folder, perhaps from the user's own one on, as Python's package reads it. */
function expanded(folder: string | undefined): string | undefined {
  return folder?.replace(/^~(?=[/\\]|$)/, home());
}

function variable(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? "");
}
