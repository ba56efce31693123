/**
 * A long discovery: millions of activations, thousands of regions, a checkpoint every minute. Memory and open files must not
 * grow with the stream: `deno run -A tests/bench/soak.ts [rows] [regions]` prints them every 30 seconds, and ends with an
 * error if they do.
 */
import { Random } from "../../src/compute/mod.ts";
import { discover } from "../../src/partition/mod.ts";

const [rows, heads] = [5_000_000, 5000].map((usual, i) => Number(Deno.args[i] ?? usual));
const DIM = 32;
const BATCH = 4000;
const PROMPT = 100;
/** Cosine distance: below that of any two heads, above that of members of one. */
const THRESHOLD = 0.2;
/** Growth of memory from the second quarter to the last that the dictionary's own does not explain. */
const MOST_GROWTH = 100e6;

const random = new Random(7);
const directions = Float32Array.from({ length: heads * DIM }, () => random.normal());
const noise = Float32Array.from({ length: 1_000_003 }, () => 0.15 * random.normal());

/** Rows around heads of which ever more come in sight, so that regions are founded to the end. */
function* stream() {
  for (let start = 0; start < rows; start += BATCH) {
    const data = new Float32Array(BATCH * DIM);
    const seen = Math.ceil(heads * Math.min(1, (start + BATCH) / (0.9 * rows)));
    for (let row = 0; row < BATCH; row++) {
      const head = random.integer(seen);
      const from = random.integer(noise.length - DIM);
      for (let j = 0; j < DIM; j++) data[row * DIM + j] = directions[head * DIM + j] + noise[from + j];
    }
    const prompts = Array.from({ length: BATCH / PROMPT }, (_, i) => {
      const text = start / PROMPT + i;
      const excerpt = (position: number) => ({ before: `text ${text}, `, token: ` t${position}`, after: " and on" });
      return { id: `soak:${text}`, text, tokens: new Int32Array(PROMPT + 1), excerpt };
    });
    const place = (of: (row: number) => number) => Int32Array.from({ length: BATCH }, (_, row) => of(row));
    const [prompt, position] = [place((row) => Math.floor(row / PROMPT)), place((row) => 1 + row % PROMPT)];
    yield { data, rows: BATCH, dim: DIM, provenance: { prompts, prompt, position, token: position } };
  }
}

interface Sample {
  readonly seconds: number;
  readonly activations: number;
  readonly regions: number;
  /** Resident memory, bytes. */
  readonly memory: number;
  /** Open files and sockets. */
  readonly handles: number;
  readonly checkpoints: string;
}

const folder = await Deno.makeTempDir();
const samples: Sample[] = [];
const started = performance.now();
const samplesDue = (every: number) => performance.now() - started >= 1000 * every * samples.length;

function sample(activations: number, regions: number): void {
  const taken: Sample = {
    seconds: Math.round((performance.now() - started) / 1000),
    activations,
    regions,
    memory: Deno.memoryUsage().rss,
    handles: [...Deno.readDirSync("/proc/self/fd")].length,
    checkpoints: [...Deno.readDirSync(folder)].map(({ name }) => name).sort().join(" "),
  };
  samples.push(taken);
  console.log(JSON.stringify(taken));
}

const calibration = {
  activations: 1,
  center: new Float32Array(DIM),
  levels: [{ percentile: 5, threshold: THRESHOLD }],
};
try {
  using grown = await discover(stream(), calibration, {
    backend: "cpu",
    members: 10,
    saturationWindow: Infinity,
    checkpoint: { folder, every: 1, seconds: 60 },
    onProgress: ({ activations, regions }) => samplesDue(30) && sample(activations, regions),
  });
  sample(grown.activations, grown.growths[0].dictionary.size);
} finally {
  await Deno.remove(folder, { recursive: true });
}

const early = samples[Math.floor(samples.length / 4)];
const last = samples.at(-1)!;
const growth = last.memory - early.memory;
console.log(
  `memory ${
    (growth / 1e6).toFixed(0)
  } MB more than after ${early.seconds} s, ${last.handles} handles of ${early.handles}`,
);
if (growth > MOST_GROWTH || last.handles > early.handles) {
  console.error("Expected memory and handles to stay as they are but they grew");
  Deno.exit(1);
}
