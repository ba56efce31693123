/**
 * A server on this machine that behaves as the Hugging Face hub: large files are on another host, with their SHA-256 in the
 * answer that redirects there; small ones are told with git's checksum; commits, branches, gates, rate limits, ranges.
 */
import { createHash } from "node:crypto";

/** The commit of `main`: another in every process, so that nothing that a run keeps by it is taken for another's. */
export const COMMIT = crypto.getRandomValues(new Uint8Array(20)).toHex();

/** A file of its repository; large ones are kept elsewhere, with their SHA-256 as the checksum. */
export interface ServedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLarge: boolean;
}

/** Files by path. */
export type ServedFiles = Readonly<Record<string, ServedFile>>;

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly range?: string;
  readonly authorization?: string;
}

/** What else the repository is. */
export interface ServedOptions {
  /** Other commits than {@link COMMIT}. */
  readonly commits?: Readonly<Record<string, ServedFiles>>;
  /** Branches and tags; default `main` at {@link COMMIT}. */
  readonly refs?: Record<string, string>;
  /** The token that opens the gate; default there is none. */
  readonly gate?: string;
  /** A token that is not valid any more. */
  readonly unknownToken?: string;
  /** Other repositories that a search finds. */
  readonly others?: readonly string[];
  /** Whether it lists files, or serves them only; default true. */
  readonly hasApi?: boolean;
}

/** The server, and what a test makes of it. */
export interface HubServer extends AsyncDisposable {
  readonly endpoint: string;
  /** Requests to the hub itself. */
  readonly asked: Seen[];
  /** Requests to the host that keeps large files. */
  readonly stored: Seen[];
  /** Of all requests those for bytes. */
  readonly downloads: Seen[];
  /** Branches and tags. */
  readonly refs: Record<string, string>;
  /** Cuts connections after so many bytes. */
  cutAfter: number | undefined;
  /** Ends bodies after so many bytes without a word. */
  endAfter: number | undefined;
  /** Pauses before each piece of a body, in milliseconds. */
  slow: number;
  /** Changes a bit of every download. */
  flip: boolean;
  /** Refuses so many requests with 429. */
  busy: number;
  /** Seconds after which a busy hub wants to be asked again. */
  retryAfter: number;
  /** Packs every body, asked or not. */
  gzip: boolean;
  /** Gives parts that begin later than asked. */
  wrongPart: boolean;
  /** Tells other sizes than those of the files. */
  tellBytes: number | undefined;
}

/** Git's checksum of a small file, SHA-256 of a large one. */
export function checksumOf({ bytes, isLarge }: ServedFile): string {
  const hash = isLarge ? createHash("sha256") : createHash("sha1").update(`blob ${bytes.length}\0`);
  return hash.update(bytes).digest("hex");
}

/** A text as a small file. */
export function textFile(content: unknown): ServedFile {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { bytes: new TextEncoder().encode(text), isLarge: false };
}

/** Starts a server that has one repository, as a model and as a data set. */
export function hubServer(repo: string, files: ServedFiles, options: ServedOptions = {}): HubServer {
  const { gate, others = [], hasApi = true } = options;
  const commits: Record<string, ServedFiles> = { [COMMIT]: files, ...options.commits };
  const quiet = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
  const seen = (request: Request): Seen => ({
    method: request.method,
    path: new URL(request.url).pathname + new URL(request.url).search,
    range: request.headers.get("range") ?? undefined,
    authorization: request.headers.get("authorization") ?? undefined,
  });
  const refuse = (status: number, code: string, message: string, told = {}) =>
    new Response(null, { status, headers: { ...told, "x-error-code": code, "x-error-message": message } });

  const store = Deno.serve(quiet, (request) => {
    hub.stored.push(seen(request));
    // Signed addresses take no other credentials.
    if (request.headers.has("authorization")) return new Response("one way to sign in only", { status: 400 });
    const checksum = new URL(request.url).pathname.slice(1);
    const file = Object.values(commits).flatMap(Object.values).find((file) => checksumOf(file) === checksum);
    return file ? body(request, file, { etag: '"of-the-store"' }) : new Response(null, { status: 404 });
  });
  const storeUrl = `http://localhost:${(store.addr as Deno.NetAddr).port}`;

  const server = Deno.serve(quiet, (request) => {
    hub.asked.push(seen(request));
    if (hub.busy > 0) {
      hub.busy--;
      return new Response(null, { status: 429, headers: { "retry-after": String(hub.retryAfter) } });
    }
    if (options.unknownToken && request.headers.get("authorization") === `Bearer ${options.unknownToken}`) {
      return refuse(401, "", "Invalid credentials in Authorization header");
    }
    const url = new URL(request.url);
    if (url.pathname.startsWith("/api/")) return hasApi ? api(url) : new Response("none", { status: 404 });
    const [, name, revision, path] = /^\/(?:datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname) ??
      [];
    if (name !== repo) return refuse(401, "RepoNotFound", "Repository not found");
    const commit = commitOf(decodeURIComponent(revision));
    if (commit === undefined) return refuse(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    if (gate !== undefined && request.headers.get("authorization") !== `Bearer ${gate}`) {
      const status = request.headers.has("authorization") ? 403 : 401;
      return refuse(status, "GatedRepo", `Access to model ${repo} is restricted.`);
    }
    if (path === "no-checksum") return new Response(null, { headers: { "x-repo-commit": COMMIT } });
    if (path === "around") return new Response(null, { status: 307, headers: { location: url.pathname } });
    const file = commits[commit][decodeURIComponent(path)];
    const told = { "x-repo-commit": commit };
    if (!file) return refuse(404, "EntryNotFound", "Entry not found", told);
    if (!file.isLarge) return body(request, file, { ...told, etag: `W/"${checksumOf(file)}"` });
    return new Response(null, {
      status: 302,
      headers: {
        ...told,
        location: `${storeUrl}/${checksumOf(file)}`,
        "x-linked-etag": `"${checksumOf(file)}"`,
        "x-linked-size": String(hub.tellBytes ?? file.bytes.length),
      },
    });
  });

  const commitOf = (revision: string) => hub.refs[revision] ?? (revision in commits ? revision : undefined);
  const api = (url: URL) => {
    const [, name, rest] = /^\/api\/(?:models|datasets)\/([^/]+\/[^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    if (name === undefined) {
      const words = url.searchParams.get("search")?.toLowerCase() ?? "";
      return Response.json([repo, ...others].filter((id) => id.toLowerCase().includes(words)).map((id) => ({ id })));
    }
    if (name !== repo) return refuse(401, "RepoNotFound", "Invalid username or password.");
    if (rest === "refs") {
      return Response.json({ branches: Object.keys(hub.refs).map((name) => ({ name })), tags: [] });
    }
    const [kind, revision] = rest.split("/");
    const commit = commitOf(decodeURIComponent(revision));
    if (commit === undefined) return refuse(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    if (kind === "tree") {
      return Response.json(
        Object.entries(commits[commit]).map(([path, file]) => {
          const [size, oid] = [file.bytes.length, checksumOf(file)];
          const pointer = createHash("sha1").update(oid).digest("hex");
          return {
            type: "file",
            path,
            size,
            oid: file.isLarge ? pointer : oid,
            ...(file.isLarge ? { lfs: { oid, size, pointerSize: 134 } } : {}),
          };
        }),
      );
    }
    const siblings = Object.entries(commits[commit]).map(([rfilename, file]) => {
      const [size, sum] = [hub.tellBytes ?? file.bytes.length, checksumOf(file)];
      if (!url.searchParams.has("blobs")) return { rfilename };
      return {
        rfilename,
        size,
        ...(file.isLarge ? { lfs: { sha256: sum, size, pointerSize: 134 } } : { blobId: sum }),
      };
    });
    const info = { id: repo, modelId: repo, sha: commit, gated: gate === undefined ? false : "auto", siblings };
    const text = new TextEncoder().encode(JSON.stringify(info));
    const headers = { "content-type": "application/json", "content-length": String(text.length) };
    return new Response(hub.cutAfter === undefined ? text : pieces(text), { headers });
  };

  const body = (request: Request, { bytes }: ServedFile, headers: Record<string, string>) => {
    if (request.method === "HEAD") {
      return new Response(null, { headers: { ...headers, "content-length": String(bytes.length) } });
    }
    hub.downloads.push(seen(request));
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    if (from >= bytes.length && from > 0) return new Response(null, { status: 416 });
    const part = bytes.slice(hub.wrongPart && from > 0 ? from + 7 : from);
    if (hub.flip) part[0] ^= 1;
    const answer = new Headers(headers);
    if (from > 0) {
      answer.set("content-range", `bytes ${bytes.length - part.length}-${bytes.length - 1}/${bytes.length}`);
    }
    if (hub.gzip) {
      answer.set("content-encoding", "gzip");
      const packed = new Blob([part]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Response(packed, { status: from > 0 ? 206 : 200, headers: answer });
    }
    if (hub.endAfter === undefined) answer.set("content-length", String(part.length));
    return new Response(pieces(part), { status: from > 0 ? 206 : 200, headers: answer });
  };
  const pieces = (part: Uint8Array<ArrayBuffer>) => {
    const { cutAfter = Infinity, endAfter = Infinity, slow } = hub;
    const end = Math.min(part.length, cutAfter, endAfter);
    let at = 0;
    return new ReadableStream({
      async pull(controller) {
        if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow));
        if (at < end) controller.enqueue(part.slice(at, at = Math.min(at + 16_384, end)));
        // Where more was announced, the connection is cut here.
        else controller.close();
      },
    });
  };

  const hub: HubServer = {
    endpoint: `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`,
    asked: [],
    stored: [],
    downloads: [],
    refs: { main: COMMIT, ...options.refs },
    cutAfter: undefined,
    endAfter: undefined,
    slow: 0,
    flip: false,
    busy: 0,
    retryAfter: 0,
    gzip: false,
    wrongPart: false,
    tellBytes: undefined,
    async [Symbol.asyncDispose]() {
      await Promise.all([server.shutdown(), store.shutdown()]);
    },
  };
  return hub;
}
