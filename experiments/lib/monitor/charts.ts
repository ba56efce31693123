/** Charts of a monitor. */
import type { ChartSpec } from "../../../src/report/mod.ts";
import type { AlarmRate, Watched } from "../../../src/analysis/mod.ts";

/** Share of prompts that raise the alarm against the rate it is set for: means over seeds, bands over their range. */
export function alarmChart(rates: readonly AlarmRate[]): ChartSpec {
  const sets = [...new Set(rates.map(({ set }) => set))];
  const ticks = [...new Set(rates.map(({ rate }) => rate))];
  const x = {
    field: "rate",
    type: "quantitative",
    title: "false-alarm rate that the alarm is set for",
    scale: { type: "log", domain: [ticks[0], ticks[ticks.length - 1]], nice: false },
    axis: { values: ticks, format: ".1~%" },
  };
  const y = { type: "quantitative", title: "share of prompts that raise it", axis: { format: "%" } };
  const color = {
    field: "set",
    type: "nominal",
    title: null,
    sort: sets,
    legend: { symbolType: "stroke", symbolSize: 300, symbolOpacity: 1 },
  };
  return {
    width: 440,
    height: 300,
    layer: [
      {
        data: { values: ticks.map((rate) => ({ rate })) },
        mark: { type: "line", strokeDash: [4, 3], color: "#5f6368", strokeWidth: 1.2 },
        encoding: { x, y: { ...y, field: "rate" } },
      },
      {
        data: { values: [...rates] },
        encoding: { x, color },
        layer: [
          {
            mark: { type: "area", opacity: 1, fillOpacity: 0.15 },
            encoding: { y: { ...y, field: "alarms", aggregate: "min" }, y2: { field: "alarms", aggregate: "max" } },
          },
          { mark: { type: "line", point: true }, encoding: { y: { ...y, field: "alarms", aggregate: "mean" } } },
        ],
      },
    ],
  } as ChartSpec;
}

/** Memory of the process against prompts read. */
export function memoryChart(memory: Watched["memory"]): ChartSpec {
  return {
    width: 440,
    height: 220,
    data: { values: [...memory] },
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "prompts", type: "quantitative", title: "prompts read", axis: { tickCount: 5 } },
      y: { field: "mebibytes", type: "quantitative", title: "memory (MiB)", scale: { zero: true } },
    },
  } as ChartSpec;
}
