/** Requests to the hub: the token goes to its own hosts only, rate limits are waited for, refusals become sentences. */
import { HubError, HubNotFoundError, HubUnreachableError } from "./errors.ts";
import type { HubSettings } from "./options.ts";

/** Answers that redirect, at most. */
const HOPS = 10;
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
    let at = new URL(url);
    for (let hop = 0; hop < HOPS; hop++) {
      const response = await this.#patiently(at, { method, headers });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      const next = new URL(location, at);
      if (!follows(response, next)) return response;
      await response.body?.cancel();
      at = next;
    }
    throw new HubError(`Cannot fetch ${url}: it is redirected again and again.`);
  }

  /** What the hub's API says at a path below the endpoint; undefined if it has no such path. */
  async json(
    path: string,
  ): Promise<{ value: unknown; response: Response } | { value?: undefined; response: Response }> {
    const response = await this.send(`${this.settings.endpoint}${path}`);
    const isJson = response.ok && (response.headers.get("content-type") ?? "").includes("json");
    if (isJson) return { value: await response.json(), response };
    await response.body?.cancel();
    return { response };
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
        throw new HubError(
          `Cannot fetch ${url}: the hub refuses (${reason}), and asks to come again in ${wait} s. Try again later` +
            (status === 429 ? "; with a token in HF_TOKEN it answers more." : "."),
        );
      }
      this.settings.onWait?.(`${url.host} refuses for now (${reason}): waiting for ${wait} s`);
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
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
        redirect: "manual",
        signal: AbortSignal.any([signal, patience.signal]),
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
    const whose = url.origin === new URL(endpoint).origin ? "the hub that was named" : "where the hub keeps the file";
    return new HubUnreachableError(
      `Cannot fetch ${url.origin}${url.pathname}: ${url.host} is ${whose}, and Deno may not ask it. Allow it: deno task run ` +
        `--allow-net=${url.host} experiments/..., or deno run --allow-net=${url.host}`,
      { cause },
    );
  }
  const advice = /certificate|UnknownIssuer|tls/i.test(reason)
    ? "If a proxy of your own signs for it, set DENO_TLS_CA_STORE=system"
    : "Check the connection; behind a proxy set HTTPS_PROXY";
  return new HubUnreachableError(
    `Cannot fetch ${url.origin}${url.pathname}: ${url.host} cannot be reached (${reason}). ${advice}.`,
    {
      cause,
    },
  );
}

/** What the system says of a failed request, without the wrapping. */
export function reasonOf(error: unknown): string {
  let reason = error instanceof Error ? error.message : String(error);
  for (let inner = error; inner instanceof Error; inner = inner.cause) reason = inner.message || reason;
  return reason.split("\n")[0];
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
  if (code === "GatedRepo" || status === 403) {
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
    return new HubNotFoundError(
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
  if (hasToken || /(^|\.)(huggingface\.co|hf\.co)$/.test(host)) return "";
  return `; ${host} gets a token only if you name it with --token-for ${host}`;
}
