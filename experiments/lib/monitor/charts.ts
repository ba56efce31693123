/** Charts of a monitor. */
import type { AlarmRate, Watched } from "../../../src/analysis/mod.ts";
import {
  band,
  chart,
  type ChartSpec,
  COLOR,
  DASH,
  line,
  means,
  on,
  quantity,
  series,
  share,
} from "../../../src/report/mod.ts";

/** Share of prompts that raise the alarm against the rate it is set for: means over seeds, bands over their range. */
export function alarmChart(rates: readonly AlarmRate[]): ChartSpec {
  const ticks = [...new Set(rates.map(({ rate }) => rate))];
  const asSet = ticks.map((rate) => ({ rate, alarms: rate }));
  return chart(rates, {
    x: share("rate", "false-alarm rate that the alarm is set for", {
      log: true,
      // Of no rate there is nothing to draw.
      ...(ticks.length > 0 && { domain: [ticks[0], ticks[ticks.length - 1]] as const }),
      nice: false,
      ticks,
      format: ".1~%",
    }),
    y: share("alarms", "share of prompts that raise it"),
    color: series("set"),
    marks: [on(asSet, line({ color: COLOR.soft, dash: DASH.dashed })), band(), means({ hasPoints: true })],
  });
}

/** Memory of the process against prompts read. */
export function memoryChart(memory: Watched["memory"]): ChartSpec {
  return chart(memory, {
    x: quantity("prompts", "prompts read", { ticks: 5 }),
    y: quantity("mebibytes", "memory (MiB)", { zero: true }),
    marks: [line({ hasPoints: true })],
  });
}
