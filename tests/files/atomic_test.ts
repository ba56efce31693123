import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { writeFileAtomic, writeJsonAtomic, writeTextAtomic } from "../../src/files/atomic.ts";
import { inFolder } from "../lib/folder.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

async function* chunksThenFail(): AsyncGenerator<Uint8Array> {
  yield await new Uint8Array(100_000);
  throw new RangeError("the source broke");
}

Deno.test("writes bytes, chunks, streams, text and JSON, and makes parent folders", () =>
  inFolder(async (folder) => {
    const path = `${folder}/deep/er/file`;
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    assertEquals(await Deno.readFile(path), Uint8Array.of(1, 2, 3));
    await writeFileAtomic(path, [Uint8Array.of(4), new Uint8Array(0), Uint8Array.of(5)]);
    assertEquals(await Deno.readFile(path), Uint8Array.of(4, 5));
    await writeFileAtomic(path, new Blob(["streamed"]).stream());
    assertEquals(await Deno.readTextFile(path), "streamed");
    await writeTextAtomic(path, "текст");
    assertEquals(await Deno.readTextFile(path), "текст");
    await writeJsonAtomic(path, { a: [1] });
    assertEquals(JSON.parse(await Deno.readTextFile(path)), { a: [1] });
    assertEquals(names(`${folder}/deep/er`), ["file"]);
  }));

Deno.test("a source that fails leaves the old file and nothing else", () =>
  inFolder(async (folder) => {
    const path = `${folder}/file`;
    await writeTextAtomic(path, "before");
    await assertRejects(() => writeFileAtomic(path, chunksThenFail()), RangeError, "the source broke");
    assertEquals(await Deno.readTextFile(path), "before");
    assertEquals(names(folder), ["file"]);
  }));

Deno.test({
  name: "a full device is a sentence",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const path = `${folder}/file`;
      await writeTextAtomic(path, "before");
      const open = () => Deno.open("/dev/full", { write: true });
      const error = await assertRejects(() => writeTextAtomic(path, "after", { open }), Error, "the disk is full");
      assertStringIncludes(error.message, path);
      assertEquals(await Deno.readTextFile(path), "before");
      assertEquals(names(folder), ["file"]);
    }),
});

/** Runs a test file's worth of code on a file system of 64 KiB, where the machine lets us mount one. */
const SMALL_DISK =
  `mount -t tmpfs -o size=64k none "$1" && exec "$2" run --no-config --allow-read --allow-write "$3" "$1"`;

async function onSmallDisk(script: string, folder: string): Promise<{ success: boolean; text: string } | undefined> {
  const run = (command: string) =>
    new Deno.Command("unshare", { args: ["-rm", "sh", "-c", command, "sh", folder, Deno.execPath(), script] })
      .output().catch(() => undefined);
  if (!(await run(`mount -t tmpfs -o size=64k none "$1"`))?.success) return undefined;
  const output = await run(SMALL_DISK);
  return {
    success: output!.success,
    text: new TextDecoder().decode(output!.success ? output!.stdout : output!.stderr),
  };
}

Deno.test({
  name: "a file system that fills up keeps the last good file",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const script = `${folder}/fill.ts`;
      await Deno.mkdir(`${folder}/disk`);
      const source = new URL("../../src/files/atomic.ts", import.meta.url).href;
      await Deno.writeTextFile(
        script,
        `import { writeFileAtomic } from ${JSON.stringify(source)};
        const path = Deno.args[0] + "/file";
        await writeFileAtomic(path, new Uint8Array(1000));
        const message = await writeFileAtomic(path, new Uint8Array(200_000)).catch((error) => error.message);
        console.log(JSON.stringify([message, Deno.statSync(path).size, [...Deno.readDirSync(Deno.args[0])].length]));`,
      );
      const result = await onSmallDisk(script, `${folder}/disk`);
      if (!result) return console.warn("No small file system can be mounted here; /dev/full stands in for it.");
      assertEquals(result.success, true, result.text);
      const [message, size, files] = JSON.parse(result.text);
      assertStringIncludes(message, "the disk is full");
      assertEquals([size, files], [1000, 1]);
    }),
});

Deno.test({
  name: "the folder is flushed once the file has its name",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const done: string[] = [];
      const { open, rename } = Deno;
      const spied = async (path: string | URL, options?: Deno.OpenOptions) => {
        const file = await open(path, options);
        const sync = () => Promise.resolve(void done.push(`flushed ${path === folder ? "folder" : "file"}`));
        return Object.assign(file, { sync });
      };
      Deno.open = spied;
      Deno.rename = (from, to) => (done.push("renamed"), rename(from, to));
      try {
        await writeTextAtomic(`${folder}/file`, "text");
      } finally {
        Object.assign(Deno, { open, rename });
      }
      assertEquals(done, ["flushed file", "renamed", "flushed folder"]);
    }),
});

Deno.test("a folder in the file's place, or a file in a folder's, is a sentence", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/sub`);
    await assertRejects(() => writeTextAtomic(`${folder}/sub`, ""), Error, "it is a folder");
    await writeTextAtomic(`${folder}/file`, "x");
    await assertRejects(() => writeTextAtomic(`${folder}/file/below`, ""), Error, "is a file, not a folder");
    assertEquals(names(folder), ["file", "sub"]);
  }));

Deno.test({
  name: "no permission from Deno is a sentence",
  permissions: { read: true, write: false },
  fn: () => assertRejects(() => writeTextAtomic("forbidden.txt", ""), Error, "Deno was not allowed to").then(() => {}),
});

Deno.test({
  name: "no permission from the system is a sentence",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      // Even root may not create files in /sys, but the kernel's words differ from system to system; so ask it.
      const open = () => Deno.open("/sys/forbidden", { write: true, createNew: true });
      await assertRejects(() => writeTextAtomic(`${folder}/file`, "", { open }), Error, "no permission");
      assertEquals(names(folder), []);
    }),
});

Deno.test("writers of one file at once leave one whole version", () =>
  inFolder(async (folder) => {
    const path = `${folder}/file`;
    const versions = Array.from({ length: 8 }, (_, i) => String(i).repeat(50_000));
    await Promise.all(versions.map((text) => writeTextAtomic(path, text)));
    assertEquals(versions.includes(await Deno.readTextFile(path)), true);
    assertEquals(names(folder), ["file"]);
  }));

Deno.test({
  name: "a pipe or a device is not replaced by a file",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
      await assertRejects(
        () => writeFileAtomic(`${folder}/pipe`, new Uint8Array(1)),
        Error,
        "it is a pipe or a device",
      );
      assertEquals((await Deno.stat(`${folder}/pipe`)).isFifo, true);
      await assertRejects(() => writeFileAtomic("", new Uint8Array(1)), Error, "Cannot write a file: it has no name");
    }),
});
