const ROOT = new URL("../../", import.meta.url);

/** Serves the repository's files as plain text, as raw.githubusercontent.com does, and notes which were asked for. */
export function serveRepository(asked: Set<string>): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    asked.add(pathname);
    try {
      return new Response(await Deno.readFile(new URL(`.${pathname}`, ROOT)), {
        headers: { "content-type": "text/plain" },
      });
    } catch {
      return new Response("404: Not Found", { status: 404 });
    }
  });
}
