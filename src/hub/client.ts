/** Requests to the hub: the token goes to its own hosts only, rate limits are waited for, refusals become sentences. */
import { pause, textOf } from "./body.ts";
import { HubError, HubNotFoundError, HubRepositoryNotFoundError, HubUnreachableError } from "./errors.ts";
import type { HubSettings } from "./options.ts";

/** Answers that redirect, at most. */
const HOPS = 10;
/** Times that an answer is asked for whose connection is cut. */
const CUTS = 3;
/** Times that a busy or failing hub is asked again. */
const TRIES = 5;
/** Milliseconds until the headers of an answer must be there. */
const PATIENCE_MS = 60_000;
/** Seconds that are waited at most for a hub that says when to come again. */
const LONGEST_WAIT_S = 600;

/** What is asked. */
export interface HubRequest {
  /** Default `GET`. */
  method?: "GET" | "HEAD";
  headers?: Record<string, string>;
  /** Which redirects are followed; default all. */
  follows?: (from: Response, to: URL) => boolean;
}

/** Asks the hub. */
export class HubClient {
  constructor(readonly settings: HubSettings) {}

  /**
   * Sends a request and gives the answer, whatever its status but 429 and those of a failing server. `url` of the answer is
   * where it came from.
   *
   * @throws {HubUnreachableError} if nobody answers, or if that place may not be asked.
   * @throws {HubError} if it redirects without end, or stays busy.
   */
  async send(url: string, { method = "GET", headers = {}, follows = () => true }: HubRequest = {}): Promise<Response> {
    let address = new URL(url);
    for (let hop = 0; hop < HOPS; hop++) {
      const response = await this.#patiently(address, { method, headers });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      if (!URL.canParse(location, address)) {
        throw new HubError(
          `Cannot fetch ${plainUrl(url)}: it is redirected to "${location.slice(0, 80)}", which is no address.`,
        );
      }
      const next = new URL(location, address);
      if (!follows(response, next)) return response;
      await response.body?.cancel();
      address = next;
    }
    throw new HubError(`Cannot fetch ${plainUrl(url)}: it is redirected again and again.`);
  }

  /**
   * What the hub's API says at a path below the endpoint; undefined if it has no such path.
   *
   * @throws {HubUnreachableError} if the answer does not come whole.
   */
  async json(
    path: string,
  ): Promise<{ value: unknown; response: Response } | { value?: undefined; response: Response }> {
    const url = `${this.settings.endpoint}${path}`;
    for (let attempt = 1;; attempt++) {
      const response = await this.send(url);
      if (!response.ok || !(response.headers.get("content-type") ?? "").includes("json")) {
        await response.body?.cancel();
        return { response };
      }
      try {
        return { value: JSON.parse(await textOf(response)), response };
      } catch (cause) {
        this.settings.signal?.throwIfAborted();
        if (attempt < CUTS) continue;
        const reason = cause instanceof SyntaxError ? "what it says is no JSON" : reasonOf(cause);
        throw new HubUnreachableError(
          `Cannot fetch ${plainUrl(url)}: the answer does not come whole (${reason}). Try again later.`,
          {
            cause,
          },
        );
      }
    }
  }

  /** One answer that is not "later". */
  async #patiently(url: URL, init: { method: string; headers: Record<string, string> }): Promise<Response> {
    for (let attempt = 0;; attempt++) {
      const response = await this.#once(url, init);
      const { status } = response;
      if (status !== 429 && (status < 500 || status === 501)) return response;
      await response.body?.cancel();
      const reason = status === 429 ? "too many requests" : `it fails with status ${status}`;
      const wait = waitOf(response) ?? 2 ** attempt;
      if (attempt === TRIES || wait > LONGEST_WAIT_S) {
        const isOpen = status === 429 && url.host === new URL(this.settings.endpoint).host &&
          await this.settings.tokenOf(url) === undefined;
        throw new HubError(
          `Cannot fetch ${plainUrl(url)}: ${url.host} refuses (${reason}). Try again later` +
            (isOpen ? "; with a token in HF_TOKEN it answers more." : "."),
        );
      }
      this.settings.onWait?.(`${url.host} refuses for now (${reason}): waiting for ${wait} s`);
      await pause(wait * 1000, this.settings.signal);
    }
  }

  async #once(url: URL, { method, headers }: { method: string; headers: Record<string, string> }): Promise<Response> {
    const token = await this.settings.tokenOf(url);
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(new Error("no answer in a minute")), PATIENCE_MS);
    const { signal = patience.signal } = this.settings;
    try {
      return await fetch(url, {
        method,
        // Followed in `send`: the token is decided on anew for each host, and headers on the way are read.
        redirect: "manual",
        signal: AbortSignal.any([signal, patience.signal]),
        // Unpacked, or sizes and ranges would be those of the packed bytes.
        headers: { "accept-encoding": "identity", ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
      });
    } catch (cause) {
      this.settings.signal?.throwIfAborted();
      throw unreachable(url, cause, this.settings.endpoint);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Seconds that an answer asks to wait: `Retry-After` in seconds or as a date, or the hub's own `RateLimit`. */
function waitOf({ headers }: Response): number | undefined {
  const after = headers.get("retry-after");
  const seconds = after === null
    ? NaN
    : /^\d+$/.test(after.trim())
    ? Number(after)
    : (Date.parse(after) - Date.now()) / 1000;
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds));
  const reset = /;\s*t\s*=\s*(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  return reset === undefined ? undefined : Number(reset);
}

function unreachable(url: URL, cause: unknown, endpoint: string): HubUnreachableError {
  const reason = reasonOf(cause);
  if (cause instanceof Deno.errors.NotCapable) {
    const hub = new URL(endpoint);
    const whose = url.host === hub.host ? "the hub that was named" : "where the hub keeps the file";
    // The hub itself, if it is a mirror, has its permission from the command line too, which is to be written anew.
    const hosts = [...new Set([hub.host, url.host])].filter((host) => !isHubHost(host)).join(",");
    return new HubUnreachableError(
      `Cannot fetch ${plainUrl(url)}: ${url.host} is ${whose}, and Deno may not ask it. Allow it, as in ` +
        `deno task run --allow-net=${hosts} experiments/build.ts, with what else you gave.`,
      { cause },
    );
  }
  const advice = /certificate|UnknownIssuer|tls/i.test(reason)
    ? "If a proxy of your own signs for it, set DENO_TLS_CA_STORE=system"
    : "Check the connection; behind a proxy set HTTPS_PROXY";
  return new HubUnreachableError(
    `Cannot fetch ${plainUrl(url)}: ${url.host} cannot be reached (${reason}). ${advice}.`,
    {
      cause,
    },
  );
}

/** What the system says of a failed request, without the wrapping. */
export function reasonOf(error: unknown): string {
  let reason = error instanceof Error ? error.message : String(error);
  for (let inner = error; inner instanceof Error; inner = inner.cause) reason = inner.message || reason;
  // Signed addresses open what they name: their signature is nobody else's.
  return reason.split("\n")[0].replace(/\?[^\s)"']*/g, "");
}

/** An address without its query, for messages. */
export function plainUrl(url: string | URL): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

function isHubHost(host: string): boolean {
  return /(^|\.)(huggingface\.co|hf\.co)$/.test(host);
}

/** The sentence for an answer that is not the file. */
export async function refusal(
  { status, headers, url }: Response,
  { repo, type, revision }: { repo: string; type: "model" | "dataset"; revision: string },
  path: string | undefined,
  settings: HubSettings,
): Promise<HubError> {
  const code = headers.get("x-error-code");
  const said = headers.get("x-error-message") ?? `status ${status}`;
  const page = `${settings.endpoint}/${type === "model" ? "" : "datasets/"}${repo}`;
  const what = path === undefined ? repo : `${path} of ${repo}`;
  const hasToken = url !== "" && await settings.tokenOf(new URL(url)) !== undefined;
  if (/credentials/i.test(said)) {
    return new HubError(
      `Cannot fetch ${what}: the hub does not know your token (${said}). Renew it, or take it out of HF_TOKEN for what is open ` +
        "to everybody.",
    );
  }
  if (code === "GatedRepo" || status === 403 && /gated|restricted|access/i.test(said)) {
    const doors = hasToken
      ? `ask for access at ${page} with the account of your token, and give the token the right to read gated repositories`
      : `ask for access at ${page}, make a token at ${settings.endpoint}/settings/tokens, and set HF_TOKEN to it`;
    return new HubError(`Cannot fetch ${what}: it is gated (${said}): ${doors}${mirrorHint(settings, hasToken)}.`);
  }
  if (code === "RevisionNotFound") {
    return new HubNotFoundError(`Cannot fetch ${what}: it has no revision "${revision}" (${said}).`);
  }
  if (code === "EntryNotFound") {
    return new HubNotFoundError(`Cannot fetch ${what}: the hub has no such file (${said}).`);
  }
  // To whom it does not know, the hub says of what is not there what it says of what is private.
  if (code === "RepoNotFound" || status === 401) {
    const doors = hasToken
      ? "check its name, and that your token is valid and may read it"
      : "check its name; if it is private, set HF_TOKEN to a token that may read it";
    return new HubRepositoryNotFoundError(
      `Cannot fetch ${what}: the hub has no ${type} ${repo}, or not for ${
        hasToken ? "your token" : "everybody"
      } (${said}): ` +
        `${doors}${mirrorHint(settings, hasToken)}.`,
    );
  }
  if (status === 404) return new HubNotFoundError(`Cannot fetch ${what}: the hub has no such file (${said}).`);
  return new HubError(`Cannot fetch ${what}: the hub refuses (${said}). Try again later.`);
}

function mirrorHint({ endpoint }: HubSettings, hasToken: boolean): string {
  const { host } = new URL(endpoint);
  if (hasToken || isHubHost(host)) return "";
  return `; ${host} gets a token only if you name it with --token-for ${host}`;
}
