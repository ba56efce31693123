import { assertEquals, assertRejects } from "@std/assert";
import { RunManifest, VERSION } from "../../src/report/manifest.ts";
import { PACKAGES } from "../../src/report/packages.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("a manifest says what was run, on what, how long, and what came out", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let clock = Date.UTC(2026, 0, 2, 3, 4, 5);
    const manifest = new RunManifest({
      name: "build",
      arguments: ["--seed", "7"],
      flags: { seed: 7, layers: [3, 5] },
      seed: 7,
      now: () => clock,
    });
    manifest.device = "CPU";
    assertEquals(await manifest.time("extract", () => (clock += 1500, "done")), "done");
    await assertRejects(
      () =>
        manifest.time("extract", () => {
          clock += 500;
          throw new Error("stop");
        }),
      Error,
      "stop",
    );
    manifest.notes.push("Half-precision weights.");
    manifest.findings.regions = { "1": 203, "2": 83 };
    manifest.findings.undefinedRate = NaN;
    manifest.outputs.push("b.svg", "a.arrow");
    await manifest.finish(folder);
    const text = await Deno.readTextFile(`${folder}/run.json`);
    const { versions, system, ...rest } = JSON.parse(text);
    assertEquals(rest, {
      name: "build",
      arguments: ["--seed", "7"],
      flags: { seed: 7, layers: [3, 5] },
      seed: 7,
      device: "CPU",
      notes: ["Half-precision weights."],
      hub: [],
      started: "2026-01-02T03:04:05.000Z",
      timings: { extract: 2, total: 2 },
      findings: { regions: { "1": 203, "2": 83 }, undefinedRate: null },
      outputs: ["a.arrow", "b.svg"],
    });
    assertEquals(versions.deno, Deno.version.deno);
    assertEquals(versions["apache-arrow"], PACKAGES["apache-arrow"]);
    assertEquals(system.startsWith(Deno.build.os), true);
    assertEquals(Object.keys(JSON.parse(text)).slice(0, 4), ["name", "arguments", "flags", "seed"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the version is that of deno.json", async () => {
  assertEquals(JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).version, VERSION);
});

async function* sources(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}

Deno.test("the list of packages is what src/ imports; each is named in one file with one version", async () => {
  const found = new Map<string, string>();
  const files = new Map<string, Set<string>>();
  for await (const source of sources(new URL("src/", ROOT))) {
    const text = await Deno.readTextFile(source);
    for (const [, name, version] of text.matchAll(/["']npm:((?:@[\w.-]+\/)?[\w.-]+)@(\d[\w.+-]*)/g)) {
      assertEquals(found.get(name) ?? version, version, `${source.pathname} imports another version of ${name}`);
      found.set(name, version);
      // Generated code names what it needs itself.
      if (!text.includes("@generated")) {
        files.set(name, (files.get(name) ?? new Set()).add(source.pathname.slice(ROOT.pathname.length)));
      }
    }
  }
  const sorted = (entries: Iterable<[string, string]>) => Object.fromEntries([...entries].sort());
  const advice = "src/report/packages.ts lists other packages than src/ imports; bring it up to date";
  assertEquals(sorted(Object.entries(PACKAGES)), sorted(found), advice);
  for (const [name, named] of files) assertEquals(named.size, 1, `${name} is named in ${[...named].join(" and ")}`);
});
