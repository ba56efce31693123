/** A server on this machine that behaves as the Hugging Face hub. */
import { createHash } from "node:crypto";

/** Its only commit. */
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** A file of its repository; large ones are kept elsewhere, with their SHA-256 as the checksum. */
export interface ServedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLarge: boolean;
}

/** The server, and what a test makes of it. */
export interface HubServer extends AsyncDisposable {
  readonly endpoint: string;
  requests: number;
  downloads: number;
  readonly ranges: (string | undefined)[];
  /** Ends downloads after so many bytes. */
  cutAfter: number | undefined;
  /** Changes a bit of every download. */
  flip: boolean;
}

/** Starts a server that has one repository, as a model and as a data set, at any revision. */
export function hubServer(repo: string, files: Readonly<Record<string, ServedFile>>): HubServer {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    hub.requests++;
    const { pathname } = new URL(request.url);
    const stored = /^\/store\/(.+)$/.exec(pathname)?.[1];
    if (stored !== undefined) return body(request, files[stored]);
    if (pathname.startsWith("/api/")) return Response.json(Object.keys(files).map((path) => ({ type: "file", path })));
    const [, path] = new RegExp(`^/(?:datasets/)?${repo}/resolve/[^/]+/(.+)$`).exec(pathname) ?? [];
    if (path === "private.bin") return new Response(null, { status: 401 });
    if (path === "no-checksum") return new Response(null, { headers: { "x-repo-commit": COMMIT } });
    if (path === "around") return new Response(null, { status: 307, headers: { location: pathname } });
    const file = files[path];
    if (!file) return new Response(null, { status: 404, headers: { "x-error-code": "EntryNotFound" } });
    const headers = { "x-repo-commit": COMMIT };
    if (!file.isLarge) {
      const git = createHash("sha1").update(`blob ${file.bytes.length}\0`).update(file.bytes).digest("hex");
      return request.method === "HEAD"
        ? new Response(null, {
          headers: { ...headers, etag: `W/"${git}"`, "content-length": String(file.bytes.length) },
        })
        : body(request, file);
    }
    const sha256 = createHash("sha256").update(file.bytes).digest("hex");
    return new Response(null, {
      status: 302,
      headers: {
        ...headers,
        location: `${hub.endpoint}/store/${path}`,
        "x-linked-etag": `"${sha256}"`,
        "x-linked-size": String(file.bytes.length),
      },
    });
  });
  const body = (request: Request, { bytes }: ServedFile) => {
    hub.downloads++;
    const range = request.headers.get("range") ?? undefined;
    hub.ranges.push(range);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const part = bytes.slice(from);
    if (hub.flip) part[0] ^= 1;
    return new Response(part.subarray(0, hub.cutAfter), { status: from > 0 ? 206 : 200 });
  };
  const hub: HubServer = {
    endpoint: `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`,
    requests: 0,
    downloads: 0,
    ranges: [],
    cutAfter: undefined,
    flip: false,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return hub;
}
