/** Flags of every experiment for runs of some ten seconds, for scripts that compare runs. */
export const SMALL: Readonly<Record<string, readonly string[]>> = {
  build: [
    ...["--layers", "3", "--percentiles", "4,10", "--max-tokens", "30k", "--calibration", "2000", "--batch", "32"],
    ...["--checkpoint-every", "1"],
  ],
  refusal: [
    ...["--layers", "6", "--percentiles", "1.5,2", "--seeds", "2", "--prompts", "60", "--heldout", "6"],
    ...["--tokens", "12", "--top-k", "1,2", "--alphas", "0.3"],
  ],
  axbench: ["--percentiles", "2,8", "--max-tokens", "60k", "--calibration", "5000", "--concepts", "4", "--seeds", "2"],
  probe: [
    ...["--percentiles", "4,8", "--seeds", "2", "--max-tokens", "60k", "--calibration", "5000", "--documents", "12"],
    ...["--instructions", "30", "--train", "500", "--test", "300", "--shuffles", "1", "--iterations", "8"],
  ],
  drift: [
    ...["--layers", "5", "--percentiles", "4,8", "--calibration", "2000", "--texts", "40", "--seeds", "2"],
    ...["--chat-percentiles", "4,8", "--prompts", "40", "--new-tokens", "8"],
  ],
  audit: ["--layers", "5", "--percentiles", "4", "--calibration", "2000", "--texts", "30", "--prompts", "20"],
  saturation: [
    ...["--layers", "3,7", "--percentiles", "8", "--calibration", "2000", "--max-tokens", "3k", "--seeds", "2"],
    ...["--batch", "8"],
  ],
  metric: ["--layers", "1,5", "--regions", "20,50", "--windows", "10", "--heldout", "6", "--seeds", "3"],
  neighbourhood: [
    ...["--layers", "1,5", "--percentiles", "4,8,16", "--calibration", "2000", "--max-tokens", "8k", "--batch", "16"],
    ...["--pairs", "10", "--controls", "8"],
  ],
  paths: [
    ...["--layers", "0,3,7", "--percentiles", "4,8", "--calibration", "2000", "--max-tokens", "8k", "--batch", "16"],
    ...["--prompts", "30"],
  ],
  overlap: [
    ...["--percentiles", "4,8", "--calibration", "2000", "--max-tokens", "8k", "--batch", "16", "--tokens", "8000"],
    ...["--seeds", "2", "--draws", "3", "--minimum", "5"],
  ],
  monitor: [
    ...["--layers", "4,5", "--percentiles", "2,3", "--calibration", "2000", "--max-tokens", "4k"],
    ...["--prompts", "100", "--answer", "6", "--seeds", "3", "--split", "heldout"],
  ],
  ood: [
    ...["--layers", "1,3", "--percentiles", "8,20", "--seeds", "2", "--prompts", "20", "--calibration", "2000"],
    ...["--max-tokens", "8000", "--batch", "16"],
  ],
  stability: [
    ...["--layers", "5,6", "--percentiles", "4,8", "--seeds", "3", "--texts", "24", "--calibration", "2000"],
    ...["--batch", "8"],
  ],
  steer: [
    ...["--percentiles", "4,8", "--seeds", "2", "--regions", "2", "--probe", "6", "--alphas", "1,2"],
    ...["--max-tokens", "8000", "--calibration", "2000", "--batch", "32"],
  ],
};
