/** Files of a hub on this machine: what is fetched, asked, kept and said. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  configureHub,
  type DownloadPlan,
  HubError,
  hubFile,
  type HubFileOptions,
  hubFiles,
  HubNotFoundError,
  HubUnreachableError,
  localPath,
} from "../../mod.ts";
import { inFolder } from "../lib/folder.ts";
import { checksumOf, COMMIT, type HubServer, hubServer, type ServedFile, textFile } from "../lib/hub_server.ts";
import { assertSentence } from "../lib/sentence.ts";
import { withVariables } from "../lib/variables.ts";

const LATER = "89abcdef0123456789abcdef0123456789abcdef";
const repo = "owner/data";
const large: ServedFile = { bytes: new TextEncoder().encode("a large file of the hub ".repeat(5000)), isLarge: true };
const files = {
  "folder/large.bin": large,
  "small.json": textFile({ small: true }),
  "empty.txt": textFile(""),
  "with space/ünd.txt": textFile("a name to be encoded"),
};

/** What is asked, for several files. */
const withoutPath = ({ path: _, ...ask }: HubFileOptions & { cacheDir: string }) => ask;

/** Runs a test with a hub and a cache of its own, and asks for the large file of its data set. */
function withHub(
  body: (hub: HubServer, ask: HubFileOptions & { cacheDir: string }) => Promise<void>,
  options: Parameters<typeof hubServer>[2] = {},
): () => Promise<void> {
  return () =>
    inFolder(async (cacheDir) => {
      await using hub = hubServer(repo, files, options);
      // What the user has cached and who they are must not matter.
      await withVariables({ HF_HOME: `${cacheDir}/none`, HF_TOKEN: "", HF_HUB_OFFLINE: "", HF_ENDPOINT: "" }, () =>
        body(hub, {
          repo,
          type: "dataset",
          path: "folder/large.bin",
          cacheDir: `${cacheDir}/own`,
          endpoint: hub.endpoint,
        }));
    });
}

const folderOf = (cacheDir: string) => `${cacheDir}/datasets--owner--data`;

Deno.test(
  "a file is downloaded once, checked, and laid out as huggingface_hub does",
  withHub(async (hub, ask) => {
    const seen: [string, number, number][] = [];
    const plans: DownloadPlan[] = [];
    const path = await hubFile({
      ...ask,
      onProgress: ({ path, received, total }) => seen.push([path, received, total!]),
      onPlan: (plan) => plans.push(plan),
    });
    assertEquals(path, `${folderOf(ask.cacheDir)}/snapshots/${COMMIT}/folder/large.bin`);
    assertEquals(await Deno.readFile(path), large.bytes);
    assertEquals(seen.at(-1), ["folder/large.bin", large.bytes.length, large.bytes.length]);
    assertEquals(
      plans.map(({ repo, revision, commit, bytes, folder }) => ({ repo, revision, commit, bytes, folder })),
      [
        { repo, revision: "main", commit: COMMIT, bytes: large.bytes.length, folder: folderOf(ask.cacheDir) },
      ],
    );
    assertEquals(await Deno.readLink(path), `../../../blobs/${checksumOf(large)}`);
    assertEquals(await Deno.readTextFile(`${folderOf(ask.cacheDir)}/refs/main`), COMMIT);

    const before = hub.asked.length;
    for (const revision of ["main", COMMIT]) assertEquals(await hubFile({ ...ask, revision }), path);
    assertEquals(hub.asked.length, before, "what is cached asks nobody");
  }),
);

Deno.test(
  "small files, which git keeps, empty ones, and names that must be encoded",
  withHub(async (_hub, ask) => {
    for (const path of ["small.json", "empty.txt", "with space/ünd.txt"] as const) {
      assertEquals(await Deno.readFile(await hubFile({ ...ask, path })), files[path].bytes);
    }
    assert((await hubFile({ ...ask, type: "model", path: "small.json" })).includes("/models--owner--data/"));
  }),
);

Deno.test(
  "all files that are wanted come at one commit, and are known from then on",
  withHub(async (hub, ask) => {
    const include = (path: string) => !path.includes("small");
    const found = await hubFiles({ ...withoutPath(ask), include });
    assertEquals([found.commit, found.paths], [COMMIT, ["empty.txt", "folder/large.bin", "with space/ünd.txt"]]);
    const before = hub.asked.length;
    assertEquals(await hubFiles({ ...withoutPath(ask), include }), found);
    assertEquals(hub.asked.length, before);
    // Python's package reads the list too.
    const tree = JSON.parse(await Deno.readTextFile(`${folderOf(ask.cacheDir)}/trees/${COMMIT}.json`));
    assertEquals(tree.files["folder/large.bin"].lfs_sha256, checksumOf(large));
    assertSentence(
      await assertRejects(() => hubFiles({ ...withoutPath(ask), include: () => false }), HubNotFoundError),
      "it has none",
    );
  }),
);

Deno.test(
  "names as other tools write them are files and folders of the hub",
  withHub(async (hub, ask) => {
    const restore = configureHub({ endpoint: ask.endpoint, cacheDir: ask.cacheDir });
    try {
      assertEquals(await localPath("results/x.arrow"), "results/x.arrow");
      const small = await localPath("hf://datasets/owner/data@main/small.json");
      assertEquals(await Deno.readFile(small), files["small.json"].bytes);
      const folder = await localPath("hf://owner/data/folder/");
      assertEquals(await Deno.readFile(`${folder}/large.bin`), large.bytes);
      const pattern = await localPath("hf://owner/data/with space/*.txt");
      assertEquals(await Deno.readFile(pattern.replace("*.txt", "ünd.txt")), files["with space/ünd.txt"].bytes);
      assertSentence(
        await assertRejects(() => localPath("hf://owner/data/folder/*.jsonl"), HubError),
        "folder/*.jsonl",
        "folder/large.bin",
      );
      const before = hub.asked.length;
      assertEquals(await localPath("hf://owner/data/folder"), folder);
      assertEquals(hub.asked.length, before);
      assertSentence(await assertRejects(() => localPath("hf://owner"), HubError), "hf://owner", "datasets/");
    } finally {
      restore();
    }
  }),
);

Deno.test(
  "a cut connection is taken up again where it ended",
  withHub(async (hub, ask) => {
    hub.cutAfter = 50_000;
    const waits: string[] = [];
    assertEquals(await Deno.readFile(await hubFile({ ...ask, onWait: (line) => waits.push(line) })), large.bytes);
    assertEquals(hub.downloads.map(({ range }) => range === undefined), [true, false, false]);
    assertStringIncludes(waits[0], `of ${large.bytes.length} bytes: going on`);
  }),
);

Deno.test(
  "a download that stays cut says so, and goes on where it stopped the next time",
  withHub(async (hub, ask) => {
    hub.endAfter = 50_000;
    const wait = (line: string) => {
      if (line.includes("50000")) hub.endAfter = 0;
    };
    const error = await assertRejects(() => hubFile({ ...ask, onWait: wait }), HubError);
    assertSentence(error, "it ended after 50000", `of ${large.bytes.length} bytes`, "goes on from there");
    hub.endAfter = undefined;
    const plans: DownloadPlan[] = [];
    assertEquals(await Deno.readFile(await hubFile({ ...ask, onPlan: (plan) => plans.push(plan) })), large.bytes);
    assertEquals(hub.downloads.at(-1)!.range, "bytes=50000-");
    assertEquals(plans[0].bytes, large.bytes.length - 50_000, "what is there need not come again");
    for await (const { name } of Deno.readDir(`${folderOf(ask.cacheDir)}/blobs`)) {
      assert(!name.includes("incomplete"), name);
    }
  }),
);

Deno.test(
  "what was left of a download and does not fit is fetched again",
  withHub(async (hub, ask) => {
    const blobs = `${folderOf(ask.cacheDir)}/blobs`;
    await Deno.mkdir(blobs, { recursive: true });
    for (
      const left of [new Uint8Array(1000), new Uint8Array(large.bytes.length), new Uint8Array(large.bytes.length + 9)]
    ) {
      await Deno.writeFile(`${blobs}/${checksumOf(large)}.incomplete`, left);
      assertEquals(await Deno.readFile(await hubFile(ask)), large.bytes);
      await Deno.remove(`${blobs}/${checksumOf(large)}`);
    }
    assertEquals(hub.downloads.length, 5);
  }),
);

Deno.test(
  "bytes that were changed on their way are refused, and not kept",
  withHub(async (hub, ask) => {
    hub.flip = true;
    assertSentence(await assertRejects(() => hubFile(ask), HubError), "checksum should be");
    assertEquals([...Deno.readDirSync(`${folderOf(ask.cacheDir)}/blobs`)], []);
    hub.flip = false;
    assertEquals(await Deno.readFile(await hubFile(ask)), large.bytes);
  }),
);

Deno.test(
  "a file that has another size than was told changed meanwhile",
  withHub(async (hub, ask) => {
    hub.tellBytes = large.bytes.length + 7;
    assertSentence(await assertRejects(() => hubFile(ask), HubError), "changed meanwhile", "Start again");
  }),
);

Deno.test(
  "a file that does not fit on the disk is refused before a byte comes",
  withHub(async (hub, ask) => {
    hub.tellBytes = 1e18;
    const error = await assertRejects(() => hubFile(ask), HubError);
    assertSentence(error, "room for 1000000 TB", "are free", ask.cacheDir, "Nothing was downloaded");
    assertEquals(hub.downloads, []);
  }),
);

Deno.test(
  "two processes that want the same file fetch it once",
  withHub(async (hub, ask) => {
    hub.slow = 100;
    const waits: string[] = [];
    const paths = await Promise.all([1, 2, 3].map(() => hubFile({ ...ask, onWait: (line) => waits.push(line) })));
    assertEquals(new Set(paths).size, 1);
    assertEquals(await Deno.readFile(paths[0]), large.bytes);
    assertEquals(hub.downloads.length, 1);
    assertEquals(waits.filter((line) => line.includes("another process is downloading")).length, 2);
  }),
);

Deno.test(
  "what is cached works offline; changed bytes there are noticed, and fetched anew when online",
  withHub(async (hub, ask) => {
    const path = await hubFile(ask);
    const offline = { ...ask, offline: true };
    const before = hub.asked.length;
    assertEquals(await hubFile(offline), path);
    const missing = await assertRejects(() => hubFile({ ...offline, path: "small.json" }), HubUnreachableError);
    assertSentence(missing, "--offline", "small.json", "it is not in");
    assertSentence(
      await assertRejects(() => hubFile({ ...offline, repo: "owner/else" })),
      "no owner/else at main",
      ask.cacheDir,
    );
    assertEquals(hub.asked.length, before);

    const changed = large.bytes.slice();
    changed[7] ^= 1;
    // A file's time is known to the millisecond: one that changes in that in which it was looked at is not noticed.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await Deno.writeFile(await Deno.realPath(path), changed);
    for (const revision of ["main", COMMIT]) {
      assertSentence(
        await assertRejects(() => hubFile({ ...offline, revision })),
        "not those of its checksum",
        "Delete",
      );
    }
    assertEquals(await Deno.readFile(await hubFile(ask)), large.bytes);
  }),
);

Deno.test("a hub that nobody answers for is a sentence, with what is cached", () =>
  inFolder(async (cacheDir) => {
    let endpoint: string;
    {
      await using hub = hubServer(repo, files);
      endpoint = hub.endpoint;
      await hubFile({ repo, path: "small.json", cacheDir, endpoint });
    }
    const ask = { repo, cacheDir, endpoint };
    const refreshed = await assertRejects(
      () => hubFile({ ...ask, path: "small.json", refresh: true }),
      HubUnreachableError,
    );
    assertSentence(refreshed, "cannot be reached", "without --refresh");
    assertMatch(await hubFile({ ...ask, path: "small.json" }), /small\.json$/);
    const error = await assertRejects(() => hubFile({ ...ask, path: "empty.txt" }), HubUnreachableError);
    assertSentence(error, "cannot be reached", "HTTPS_PROXY", "empty.txt: it is not in");
    const other = await assertRejects(
      () => hubFile({ ...ask, repo: "owner/other", path: "x.bin" }),
      HubUnreachableError,
    );
    assertSentence(other, "no owner/other at main", "go online once");
  }));

Deno.test(
  "a branch stays at the commit that is cached until it is refreshed",
  withHub(
    async (hub, ask) => {
      const small = { ...ask, path: "small.json" };
      assertEquals(JSON.parse(await Deno.readTextFile(await hubFile(small))), { small: true });
      hub.refs.main = LATER;
      assertEquals(JSON.parse(await Deno.readTextFile(await hubFile(small))), { small: true });
      // A file that was not wanted before comes from the same commit ...
      assertStringIncludes(await hubFile(ask), `/snapshots/${COMMIT}/`);
      // ... unless only a later one has it.
      assertStringIncludes(await hubFile({ ...ask, path: "new.txt" }), `/snapshots/${LATER}/`);
      assertEquals(JSON.parse(await Deno.readTextFile(await hubFile({ ...small, refresh: true }))), { small: "no" });
      assertEquals(JSON.parse(await Deno.readTextFile(await hubFile({ ...small, revision: COMMIT }))), { small: true });
      assertEquals(JSON.parse(await Deno.readTextFile(await hubFile({ ...small, revision: "v1.0" }))), { small: true });
      assertEquals(JSON.parse(await Deno.readTextFile(await hubFile({ ...small, revision: "refs/pr/1" }))), {
        small: "no",
      });
    },
    {
      commits: { [LATER]: { ...files, "small.json": textFile({ small: "no" }), "new.txt": textFile("new") } },
      refs: { "v1.0": COMMIT, "refs/pr/1": LATER },
    },
  ),
);

Deno.test(
  "the token goes to the hosts it is for, and not to where they redirect",
  withHub(async (hub, ask) => {
    const gated = (options: Partial<HubFileOptions>) => assertRejects(() => hubFile({ ...ask, ...options }), HubError);
    assertSentence(
      await gated({}),
      "gated",
      `${hub.endpoint}/datasets/owner/data`,
      "HF_TOKEN",
      "--token-for 127.0.0.1",
    );
    await withVariables({ HF_TOKEN: "hf_secret" }, async () => {
      const error = await gated({});
      assertSentence(error, "--token-for");
      assert(!error.message.includes("hf_secret"), error.message);
      assert([...hub.asked, ...hub.stored].every(({ authorization }) => authorization === undefined));

      const { host } = new URL(hub.endpoint);
      assertSentence(await gated({ tokenFor: [host], token: "hf_other" }), "account of your token");
      const path = await hubFile({ ...ask, tokenFor: [host] });
      assertEquals(await Deno.readFile(path), large.bytes);
      assertEquals(hub.asked.at(-1)!.authorization, "Bearer hf_secret");
      assert(hub.stored.length > 0 && hub.stored.every(({ authorization }) => authorization === undefined));
      for await (const text of textsIn(ask.cacheDir)) assert(!text.includes("hf_secret"));
    });
  }, { gate: "hf_secret" }),
);

Deno.test(
  "the token that was kept at sign-in is found, by host, port or address",
  withHub(async (hub, ask) => {
    const home = `${ask.cacheDir}/home`;
    await Deno.mkdir(home, { recursive: true });
    await Deno.writeTextFile(`${home}/token`, "hf_kept\n");
    await withVariables({ HF_HOME: home }, async () => {
      for (const [i, host] of ["127.0.0.1", new URL(hub.endpoint).host, hub.endpoint].entries()) {
        await hubFile({ ...ask, cacheDir: `${ask.cacheDir}/${i}`, tokenFor: [host] });
      }
    });
  }, { gate: "hf_kept" }),
);

Deno.test(
  "a busy hub is waited for, with a line",
  withHub(async (hub, ask) => {
    hub.busy = 2;
    const waits: string[] = [];
    await hubFile({ ...ask, onWait: (line) => waits.push(line) });
    assertEquals(
      waits,
      Array(2).fill(`${new URL(hub.endpoint).host} refuses for now (too many requests): waiting for 0 s`),
    );
    hub.busy = Infinity;
    const error = await assertRejects(() => hubFile({ ...ask, path: "small.json" }), HubError);
    assertSentence(error, "too many requests", "HF_TOKEN");
  }),
);

Deno.test(
  "a token that the hub does not know is a sentence of its own",
  withHub(async (_hub, ask) => {
    const tokenFor = [new URL(ask.endpoint!).host];
    const error = await assertRejects(() => hubFile({ ...ask, token: "hf_old", tokenFor }), HubError);
    assertSentence(error, "does not know your token", "HF_TOKEN");
  }, { unknownToken: "hf_old" }),
);

Deno.test(
  "a download is ended by a signal, and goes on the next time",
  withHub(async (hub, ask) => {
    hub.slow = 20;
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    const error = await assertRejects(() => hubFile({ ...ask, signal: stop.signal, onProgress }));
    assertEquals(error, stop.signal.reason);
    hub.slow = 0;
    assertEquals(await Deno.readFile(await hubFile(ask)), large.bytes);
    assertMatch(hub.downloads.at(-1)!.range!, /^bytes=[1-9]/);
  }),
);

Deno.test(
  "a token that cannot stand in a request is said without a letter of it",
  withHub(async (_hub, ask) => {
    const tokenFor = [` ${new URL(ask.endpoint!).host}/ `];
    for (const token of ["hf_a\nsecret", "hf_sécret", "hf_a secret"]) {
      const error = await assertRejects(() => hubFile({ ...ask, token, tokenFor }), HubError);
      assertSentence(error, "token");
      assert(!/hf_a|hf_s|secret|sécret/.test(error.message), error.message);
    }
  }),
);

Deno.test(
  "waiting ends at once with the signal: for a busy hub, and for another process",
  withHub(async (hub, ask) => {
    const stopped = async () => {
      const stop = new AbortController();
      const started = performance.now();
      const waiting = { ...ask, signal: stop.signal, onWait: () => stop.abort() };
      assertEquals(await assertRejects(() => hubFile(waiting)), stop.signal.reason);
      // Far below the 100 seconds, and for a busy machine too.
      assert(performance.now() - started < 30_000);
    };
    [hub.busy, hub.retryAfter] = [1, 100];
    await stopped();
    hub.slow = 50;
    const first = hubFile(ask);
    while (hub.stored.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await stopped();
    assertEquals(await Deno.readFile(await first), large.bytes);
  }),
);

Deno.test(
  "a list that is cut is asked for again, and said if it stays so",
  withHub(async (hub, ask) => {
    hub.cutAfter = 20;
    const error = await assertRejects(
      () => hubFiles({ ...withoutPath(ask), include: () => true }),
      HubUnreachableError,
    );
    assertSentence(error, "does not come whole");
    assertEquals(hub.asked.length, 3);
  }),
);

Deno.test(
  "bodies that are packed unasked are unpacked",
  withHub(async (hub, ask) => {
    hub.gzip = true;
    for (const path of ["folder/large.bin", "small.json"] as const) {
      assertEquals(await Deno.readFile(await hubFile({ ...ask, path })), files[path].bytes);
    }
  }),
);

Deno.test(
  "a part that begins elsewhere than asked is not taken for the rest",
  withHub(async (hub, ask) => {
    hub.cutAfter = 50_000;
    hub.wrongPart = true;
    const onWait = () => void (hub.cutAfter = undefined);
    assertEquals(await Deno.readFile(await hubFile({ ...ask, onWait })), large.bytes);
  }),
);

Deno.test(
  "a list of files that was damaged is written anew",
  withHub(async (hub, ask) => {
    const list = { ...withoutPath(ask), include: (path: string) => path.endsWith(".json") };
    await hubFiles(list);
    const file = `${folderOf(ask.cacheDir)}/trees/${COMMIT}.json`;
    const whole = await Deno.readTextFile(file);
    for (const text of ["{", "null", '{"format_version":1,"files":{}}', '{"format_version":2,"files":{}}', "\0"]) {
      await Deno.writeTextFile(file, text);
      const before = hub.asked.length;
      await hubFiles(list);
      assertEquals(await Deno.readTextFile(file), whole);
      await hubFiles(list);
      assertEquals(hub.asked.length, before + 1);
    }
  }),
);

Deno.test(
  "what names of the hub miss is said with what is near",
  withHub(async (_hub, ask) => {
    const restore = configureHub({ endpoint: ask.endpoint, cacheDir: ask.cacheDir });
    try {
      const missing = (name: string) => assertRejects(() => localPath(name), HubError);
      assertSentence(await missing("hf://owner/data/foldr"), "Cannot find foldr in owner/data", "Near it: folder");
      assertSentence(await missing("hf://owner/data/smal.json"), "smal.json", "Near it: small.json");
      for (const name of ["hf://datasets/owner/data", "hf://owner/data@%E0/x.npz", "hf://owner/data@main"]) {
        assertSentence(await missing(name), name, "hf://datasets/owner/name");
      }
    } finally {
      restore();
    }
  }),
);

Deno.test(
  "a folder that nothing can be kept in is a sentence",
  withHub(async (_hub, ask) => {
    await Deno.mkdir(ask.cacheDir, { recursive: true });
    await Deno.writeTextFile(`${ask.cacheDir}/file`, "");
    const error = await assertRejects(() => hubFile({ ...ask, cacheDir: `${ask.cacheDir}/file` }), HubError);
    assertSentence(error, "Cannot keep downloads", "--cache or EXEMPLAR_CACHE");
    await Deno.mkdir(folderOf(ask.cacheDir));
    await Deno.writeTextFile(`${folderOf(ask.cacheDir)}/verified`, "stamps are not needed");
    assertEquals(await Deno.readFile(await hubFile(ask)), large.bytes);
  }),
);

Deno.test(
  "files of equal bytes come once; offline, a refresh is what is cached",
  withHub(async (hub, ask) => {
    const plans: DownloadPlan[] = [];
    const include = (path: string) => path.endsWith(".bin");
    const found = await hubFiles({ ...withoutPath(ask), include, onPlan: (plan) => plans.push(plan) });
    assertEquals(plans.map(({ bytes, files }) => [bytes, files.length]), [[large.bytes.length, 1]]);
    for (const path of found.paths) assertEquals(await Deno.readFile(`${found.folder}/${path}`), large.bytes);
    assertEquals(found.paths.length, 2);
    const asked = hub.asked.length;
    await hubFile({ ...ask, offline: true, refresh: true });
    assertEquals(hub.asked.length, asked);
  }, { commits: { [COMMIT]: { ...files, "copy.bin": large } } }),
);

Deno.test(
  "what the hub does not have is a sentence with what is near",
  withHub(async (hub, ask) => {
    const missing = async (options: Partial<HubFileOptions>) =>
      await assertRejects(() => hubFile({ ...ask, type: "model", ...options }), HubNotFoundError);
    assertSentence(await missing({ path: "none.bin" }), "none.bin", "no such file");
    assertSentence(await missing({ revision: "mian" }), 'no revision "mian"', "Near it: main");
    assertSentence(await missing({ repo: "owner/dota" }), "no model owner/dota", "private");
    assertSentence(await missing({ repo: "owner/data-sett" }), "Near it: owner/data-set-2, owner/data");
    const listed = await assertRejects(
      () => hubFiles({ ...withoutPath(ask), type: "model", revision: "v2", include: () => true }),
      HubNotFoundError,
    );
    assertSentence(listed, 'no revision "v2"', "main");
    assertSentence(await assertRejects(() => hubFile({ ...ask, path: "no-checksum" }), HubError), "no checksum");
    assertSentence(await assertRejects(() => hubFile({ ...ask, path: "around" }), HubError), "again and again");
    for (const path of ["../../etc/passwd", "/etc/passwd", "a//b", "a\\..\\b"]) {
      assertSentence(await assertRejects(() => hubFile({ ...ask, path }), HubError), "inside of");
    }
    for (const revision of ["../main", "", "a//b"]) {
      assertSentence(await assertRejects(() => hubFile({ ...ask, revision }), HubError), "a revision");
    }
    for (const repo of ["../x", "a/b/c", "name"]) {
      assertSentence(await assertRejects(() => hubFile({ ...ask, repo }), HubError), "owner/name");
    }
    assertEquals(hub.downloads, []);
  }, { others: ["owner/data-set-2", "someone/else"] }),
);

Deno.test(
  "a list that names files outside of the repository is not followed",
  () =>
    inFolder(async (cacheDir) => {
      await using hub = hubServer(repo, { "../../outside.txt": textFile("x") });
      const error = await assertRejects(
        () => hubFiles({ repo, cacheDir, endpoint: hub.endpoint, include: () => true }),
        HubError,
      );
      assertSentence(error, "inside of a repository");
    }),
);

Deno.test(
  "a place that serves files but does not list them gives files",
  withHub(async (_hub, ask) => {
    assertEquals(await Deno.readFile(await hubFile(ask)), large.bytes);
  }, { hasApi: false }),
);

Deno.test("an address that is none is a sentence", async () => {
  for (const endpoint of ["hf-mirror.com", "ftp://hf.co", "https://user:secret@mirror.example"]) {
    const error = await assertRejects(() => hubFile({ repo, path: "x", endpoint }), HubError);
    assertSentence(error, "hub's address");
    assert(!error.message.includes("secret"));
  }
});

/** Every file of a folder, as text. */
async function* textsIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    if (isDirectory) yield* textsIn(`${folder}/${name}`);
    if (isFile) yield await Deno.readTextFile(`${folder}/${name}`);
  }
}

Deno.test(
  "of a packed body that has more than the file no more is written",
  withHub(async (_, { cacheDir }) => {
    const bytes = new Uint8Array(2 ** 24);
    await using hub = hubServer(repo, { "bomb.bin": { bytes, isLarge: true } });
    hub.gzip = true;
    hub.tellBytes = 1000;
    let most = 0;
    const onProgress = ({ received }: { received: number }) => void (most = Math.max(most, received));
    const ask = { repo, type: "dataset", path: "bomb.bin", cacheDir, endpoint: hub.endpoint, onProgress } as const;
    assertSentence(await assertRejects(() => hubFile(ask), HubError), "bomb.bin");
    assert(most > 1000 && most < bytes.length / 2, `${most} of ${bytes.length} bytes`);
  }),
);
