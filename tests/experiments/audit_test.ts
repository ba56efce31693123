import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withExperiment } from "./child.ts";

const SMALL = "--layers 6 --percentiles 4 --texts 16 --prompts 24 --calibration 2000 --min-members 3";

Deno.test("audit leaves its tables, charts and report, and findings beside false alarms", () =>
  withExperiment("audit", SMALL.split(" "), async ({ code, stdout, out, record }) => {
    assertEquals(code, 0);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    for (const name of ["audit", "counterparts"]) assert(record.outputs.includes(`${name}.png`), name);
    for (const reading of ["text", "chat"]) {
      const number = (key: string) => {
        const value = record.findings[`${reading}_${key}`];
        assert(typeof value === "number" && Number.isFinite(value), `${reading}_${key}: ${value}`);
        return value;
      };
      assert(number("regions_before") >= 19 && number("regions_after") >= 19);
      for (const key of ["dropped_share", "introduced_share", "false_alarms_before", "false_alarms_after"]) {
        assert(number(key) >= 0 && number(key) <= 1, key);
      }
      assert(number("noise_floor_cosine") > 0 && number("counterpart_cosine") > 0);
    }
    assertStringIncludes(stdout, "false alarms");
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), "Introduced");
  }));
