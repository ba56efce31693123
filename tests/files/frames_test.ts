import { assertEquals } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { calledFrame, frameOfBytes } from "../../src/files/frames.ts";

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const padded = (text: string, length = 64) => latin1(text.padEnd(length, "\0"));

Deno.test("files are told by their bytes, the strongest signs first", () => {
  const files: [string, Uint8Array, ReturnType<typeof frameOfBytes>][] = [
    ["nothing", new Uint8Array(), "empty"],
    ["a pointer", latin1("version https://git-lfs.github.com/spec/v1\n"), "lfs"],
    ["an archive", padded("PK\x03\x04"), "zip"],
    ["an empty archive", padded("PK\x05\x06"), "zip"],
    ["a text that begins so", latin1("PK is a name."), "text"],
    ["Arrow", padded("ARROW1\0\0"), "arrow"],
    ["Arrow that was cut off", latin1("ARRO"), "arrow"],
    ["an Arrow stream", padded("\xff\xff\xff\xff\x40\x01\0\0"), "arrow stream"],
    ["Parquet", padded("PAR1"), "parquet"],
    ["encrypted Parquet", padded("PARE"), "encrypted parquet"],
    ["HDF5", padded("\x89HDF\r\n\x1a\n"), "hdf5"],
    ["HDF5 behind a block of its user's", latin1("\0".repeat(512) + "\x89HDF\r\n\x1a\n"), "hdf5"],
    ["gzip", gzipSync("x"), "gzip"],
    ["Zstandard", zstdCompressSync("x"), "zstd"],
    ["Zstandard behind a frame that is passed over", padded("\x5e\x2a\x4d\x18\x04\0\0\0abcd\x28\xb5\x2f\xfd"), "zstd"],
    ["SQLite", padded("SQLite format 3\0\x10"), "sqlite"],
    ["ORC", padded("ORC\x0a\0"), "orc"],
    ["a text that begins as ORC does", latin1("ORC is a format."), "text"],
    ["Avro", padded("Obj\x01\x04"), "avro"],
    ["PDF", latin1("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), "pdf"],
    ["a page", latin1("\n<!doctype HTML>\n<p>404</p>"), "html"],
    ["a page without a type", latin1('<html lang="en"><body>'), "html"],
    ["a text of a tag", latin1("<htmlish> is no tag"), "text"],
    ["NumPy", padded("\x93NUMPY\x01\0"), "npy"],
    ["safetensors", latin1("\x10\0\0\0\0\0\0\0{}" + " ".repeat(14)), "safetensors"],
    ["safetensors that begin like a pickle", latin1("\x80\0\0\0\0\0\0\0{}" + " ".repeat(126)), "safetensors"],
    [
      "safetensors that begin like one of protocol 2",
      latin1("\x80\x02\0\0\0\0\0\0{}" + " ".repeat(638)),
      "safetensors",
    ],
    ["a pickle", padded("\x80\x04\x95\x10\0\0\0\0\0\0\0}"), "pickle"],
    ["PyTorch of before 1.6", padded("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "torch legacy"],
    ["GGUF", padded("GGUF\x03"), "gguf"],
    ["a pickle of protocol 0", latin1("(dp0\nVa\np1\nI1\ns."), "old pickle"],
    ["one of an object", latin1("ccopy_reg\n_reconstructor\np0\n(cep\nDictionary\np1\n."), "old pickle"],
    ["one of protocol 1", latin1("}q\0X\x01\0\0\0aq\x01K\x01s."), "old pickle"],
    ["a text that ends so", latin1("(dear reader, this is no pickle)."), "text"],
    ["another", latin1("Very true.\nIndeed."), "text"],
    ["JSON", latin1(' {"a": 1}'), "json"],
    ["JSON with a mark", latin1("\xef\xbb\xbf[1]"), "json"],
    ["numbers", latin1("1,2\n3,4\n"), "text"],
    ["UTF-8", new TextEncoder().encode("größer"), "text"],
    ["a text that is cut within a letter", new TextEncoder().encode("x" + "ß".repeat(4000)), "text"],
    ["anything", latin1("\x01\x02\x03\x04"), "unknown"],
  ];
  for (const [what, bytes, frame] of files) assertEquals(frameOfBytes(bytes), frame, what);
});

Deno.test("every frame has a name for sentences", () => {
  assertEquals(calledFrame("hdf5"), "an HDF5 file");
  assertEquals(calledFrame("unknown"), "a file of no known kind");
});
