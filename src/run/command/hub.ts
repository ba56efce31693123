/** What a run's flags say of the hub, and what it tells of downloads. */
import { bytesText } from "../../hub/disk.ts";
import { isHubName, localPath } from "../../hub/hub_file.ts";
import type { DownloadPlan, HubOptions, HubUse } from "../../hub/options.ts";
import type { RunManifest } from "../../report/manifest.ts";
import type { CommonFlags } from "./common_flags.ts";
import type { Named } from "./named_files.ts";
import type { Progress, Stage } from "../terminal/progress.ts";

/** Files that a plan names at most. */
const NAMED = 6;

/** Settings of the hub for a run: they tell what is downloaded, and record which commits were used. */
export function hubOptions(
  { cache, tokenFor, offline, refresh }: CommonFlags,
  progress: Progress,
  manifest: RunManifest,
): HubOptions {
  const received = new Map<string, number>();
  let stage: Stage | undefined;
  let total = 0;
  return {
    cacheDir: cache,
    tokenFor: tokenFor?.split(","),
    offline: offline || undefined,
    refresh,
    onPlan(plan) {
      progress.log(planText(plan));
      received.clear();
      total = plan.files.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
      stage = progress.stage("download", total / 1e6, "MB");
    },
    onProgress({ path, received: bytes }) {
      received.set(path, bytes);
      const done = [...received.values()].reduce((sum, bytes) => sum + bytes, 0);
      stage?.set(done / 1e6);
      if (done >= total) stage?.end();
    },
    onWait: (sentence) => progress.log(sentence),
    onUse: (use) => record(use, manifest, progress),
  };
}

/** What a download is, how large, and where it goes, before it begins. */
function planText({ repo, revision, commit, files, bytes, folder }: DownloadPlan): string {
  const size = bytes === undefined ? "of unknown size" : bytesText(bytes);
  const bySize = files.toSorted((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
  const named = bySize.slice(0, NAMED).map(({ path, bytes }) =>
    `${path}${bytes === undefined ? "" : ` ${bytesText(bytes)}`}`
  );
  const rest = files.length > NAMED ? ` and ${files.length - NAMED} more` : "";
  return `Downloading ${repo} (${revisionText(revision, commit)}): ${size} to ${folder}\n  ${named.join(", ")}${rest}`;
}

function record({ cached, ...use }: HubUse, manifest: RunManifest, progress: Progress): void {
  const { repo, type, revision, commit } = use;
  const isKnown = manifest.hub.some((other) =>
    other.repo === repo && other.type === type && other.revision === revision && other.commit === commit
  );
  if (isKnown) return;
  manifest.hub.push(use);
  if (cached && revision !== commit) {
    progress.log(`${repo}: ${revisionText(revision, commit)} of the cache; --refresh asks the hub for a newer one`);
  }
}

function revisionText(revision: string, commit: string): string {
  return revision === commit ? `commit ${commit}` : `${revision}, commit ${commit}`;
}

/** Fetches every file of the hub that a flag names, before the run begins. */
export async function fetchNamed(named: readonly Named[]): Promise<void> {
  for (const { names } of named) {
    for (const name of names) if (isHubName(name)) await localPath(name);
  }
}
