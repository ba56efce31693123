/** The machine that figures were measured on. */
import { cpus, totalmem } from "node:os";
import { describeAdapter, gpuAdapter } from "../../src/compute/device.ts";
import { ORT_VERSION } from "../../src/compute/ort.ts";
import type { Peer } from "./peer.ts";

/** Instructions that decide how fast whole numbers are multiplied, as Linux names them, by what people call them. */
const INSTRUCTIONS = {
  AMX: "amx_int8",
  VNNI: "avx512_vnni",
  "AVX-VNNI": "avx_vnni",
  "AVX-512": "avx512f",
  AVX2: "avx2",
};

/** Device, processor and versions, in words. */
export async function describeMachine(peer?: Peer): Promise<Record<string, string>> {
  const adapter = await gpuAdapter();
  return {
    system: `${Deno.build.os} ${Deno.build.arch}`,
    processor: `${cpus()[0]?.model.trim() ?? "unknown"} (${await instructions()})`,
    cores: `${navigator.hardwareConcurrency}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    gpu: adapter ? describeAdapter(adapter.info) : "none",
    deno: Deno.version.deno,
    onnxruntime: ORT_VERSION,
    ...peer?.versions,
    date: new Date().toISOString(),
  };
}

/** The processor's model alone does not tell: hypervisors hide it. */
async function instructions(): Promise<string> {
  if (Deno.build.os !== "linux") return "instructions unknown";
  const { stdout } = await new Deno.Command("grep", { args: ["-m1", "flags", "/proc/cpuinfo"] }).output();
  const flags = new Set(new TextDecoder().decode(stdout).trim().split(/\s+/));
  const found = Object.entries(INSTRUCTIONS).filter(([, flag]) => flags.has(flag)).map(([name]) => name);
  return found.length > 0 ? found.join(", ") : "none of AVX2, VNNI, AMX";
}
