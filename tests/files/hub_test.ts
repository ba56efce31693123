import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { hubFile, HubNotFoundError } from "../../src/files/hub.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { COMMIT, hubServer } from "../lib/hub_server.ts";

const large = new TextEncoder().encode("a large file of the hub ".repeat(5000));
const small = new TextEncoder().encode('{"small": true}');
const repo = "owner/data";
const files = () => ({
  "folder/large.bin": { bytes: large, isLarge: true },
  "small.json": { bytes: small, isLarge: false },
});

Deno.test("a file is downloaded once, checked, and laid out as huggingface_hub does", () =>
  inFolder(async (cacheDir) => {
    await using hub = hubServer(repo, files());
    const seen: number[] = [];
    const ask = { repo, type: "dataset", path: "folder/large.bin", cacheDir, endpoint: hub.endpoint } as const;
    const path = await hubFile({ ...ask, onProgress: ({ received, total }) => seen.push(received, total!) });
    assertEquals(path, `${cacheDir}/datasets--owner--data/snapshots/${COMMIT}/folder/large.bin`);
    assertEquals(await Deno.readFile(path), large);
    assertEquals(seen.slice(-2), [large.length, large.length]);
    const sha256 = createHash("sha256").update(large).digest("hex");
    assertEquals(await Deno.readLink(path), `../../../blobs/${sha256}`);
    assertEquals(await Deno.readTextFile(`${cacheDir}/datasets--owner--data/refs/main`), COMMIT);

    const fetched = hub.downloads;
    assertEquals(await hubFile(ask), path);
    assertEquals(hub.downloads, fetched, "the second time it comes from the cache");
    const before = hub.requests;
    assertEquals(await hubFile({ ...ask, revision: COMMIT }), path);
    assertEquals(hub.requests, before, "a commit that is cached needs no network at all");
  }));

Deno.test("a small file, which git keeps, is checked by git's checksum", () =>
  inFolder(async (cacheDir) => {
    await using hub = hubServer(repo, files());
    const path = await hubFile({ repo, path: "small.json", cacheDir, endpoint: hub.endpoint });
    assertEquals(await Deno.readFile(path), small);
    assert(path.startsWith(`${cacheDir}/models--owner--data/`), path);
  }));

Deno.test("an interrupted download says so, and goes on where it stopped", () =>
  inFolder(async (cacheDir) => {
    await using hub = hubServer(repo, files());
    const ask = { repo, type: "dataset", path: "folder/large.bin", cacheDir, endpoint: hub.endpoint } as const;
    hub.cutAfter = 50_000;
    assertSentence(await assertRejects(() => hubFile(ask)), "it ended after", `of ${large.length} bytes`);
    hub.cutAfter = undefined;
    assertEquals(await Deno.readFile(await hubFile(ask)), large);
    assert(hub.ranges.at(-1)?.startsWith("bytes=") && hub.ranges.at(-1) !== "bytes=0-", `${hub.ranges}`);
    for await (const { name } of Deno.readDir(`${cacheDir}/datasets--owner--data/blobs`)) {
      assert(!name.endsWith(".incomplete"), name);
    }
  }));

Deno.test("bytes that were changed on their way are refused, and not kept", () =>
  inFolder(async (cacheDir) => {
    await using hub = hubServer(repo, files());
    const ask = { repo, type: "dataset", path: "folder/large.bin", cacheDir, endpoint: hub.endpoint } as const;
    hub.flip = true;
    assertSentence(await assertRejects(() => hubFile(ask)), "checksum should be");
    assertEquals([...Deno.readDirSync(`${cacheDir}/datasets--owner--data/blobs`)], []);
    hub.flip = false;
    assertEquals(await Deno.readFile(await hubFile(ask)), large);
  }));

Deno.test("what is cached works offline; changed bytes there are noticed, and fetched anew when online", () =>
  inFolder(async (cacheDir) => {
    const ask = { repo, type: "dataset", path: "folder/large.bin", cacheDir } as const;
    let endpoint: string;
    let path: string;
    {
      await using hub = hubServer(repo, files());
      endpoint = hub.endpoint;
      path = await hubFile({ ...ask, endpoint });
    }
    assertEquals(await hubFile({ ...ask, endpoint }), path);
    assertSentence(await assertRejects(() => hubFile({ ...ask, endpoint, path: "small.json" })), "cannot be reached");

    const changed = large.slice();
    changed[7] ^= 1;
    await Deno.writeFile(await Deno.realPath(path), changed);
    assertSentence(await assertRejects(() => hubFile({ ...ask, endpoint })), "not those of its checksum", "Delete");
    assertSentence(await assertRejects(() => hubFile({ ...ask, endpoint, revision: COMMIT })), "Delete");
    await using hub = hubServer(repo, files());
    assertEquals(await Deno.readFile(await hubFile({ ...ask, endpoint: hub.endpoint })), large);
  }));

Deno.test("what the hub does not have, or does not give, is a sentence", () =>
  inFolder(async (cacheDir) => {
    await using hub = hubServer(repo, files());
    const ask = { repo, cacheDir, endpoint: hub.endpoint };
    const missing = await assertRejects(() => hubFile({ ...ask, path: "none.bin" }), HubNotFoundError);
    assertSentence(missing, "none.bin", "no such file");
    assertSentence(await assertRejects(() => hubFile({ ...ask, path: "private.bin" })), "open to everybody");
    assertSentence(await assertRejects(() => hubFile({ ...ask, path: "no-checksum" })), "no checksum");
    assertSentence(await assertRejects(() => hubFile({ ...ask, path: "around" })), "again and again");
    assertSentence(await assertRejects(() => hubFile({ ...ask, path: "../../etc/passwd" })), "inside of it");
  }));
