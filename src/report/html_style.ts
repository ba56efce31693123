/** The report's style sheet: a printed page's calm, on screen and on paper. */
export const REPORT_STYLE = `
:root { color-scheme: light; --ink: #1f2328; --soft: #5f6368; --rule: #d8dbdf; --wash: #f6f7f8; --mark: #ffe08a; --accent: #0072b2; }
* { box-sizing: border-box; }
html { background: #fff; }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.55 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif; }
main { max-width: 60rem; margin: 0 auto; padding: 3.5rem 1.5rem 5rem; }
h1, h2, h3, th, caption, figcaption, .question, .small, td { font-family: "Helvetica Neue", Helvetica, Arial, Arimo, "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 3rem 0 .75rem; padding-top: .6rem; border-top: 1px solid var(--rule); font-size: 1.25rem; line-height: 1.3; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
p { max-width: 42rem; margin: .75rem 0; overflow-wrap: anywhere; }
.question { margin: .6rem 0 0; color: var(--soft); }
.answer { margin: 1.5rem 0 0; padding-left: 1rem; border-left: 3px solid var(--accent); font-size: 1.2rem; line-height: 1.45; }
.small { color: var(--soft); font-size: .8rem; }
figure { margin: 1.75rem 0; break-inside: avoid; }
figure svg { display: block; max-width: 100%; height: auto; }
figcaption, caption { max-width: 42rem; color: var(--soft); font-size: .875rem; line-height: 1.45; text-align: left; }
figcaption { margin-top: .5rem; }
figcaption b, caption b { color: var(--ink); }
.table { margin: 1.25rem 0; overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
caption { caption-side: top; margin-bottom: .5rem; }
th { border-bottom: 1.5px solid var(--ink); font-weight: 600; text-align: left; vertical-align: bottom; }
th, td { padding: .35rem 1.5rem .35rem 0; }
th:last-child, td:last-child { padding-right: 0; }
td { border-bottom: 1px solid var(--rule); overflow-wrap: break-word; min-width: 3rem; vertical-align: top; font-variant-numeric: tabular-nums; }
th.number, td.number { text-align: right; }
td.number { white-space: nowrap; }
td:first-child:not(.number) { min-width: 9rem; }
.run td:first-child { min-width: 11rem; color: var(--soft); }
.contexts { min-width: 22rem; }
.context { display: block; font: .8rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.context + .context { margin-top: .2rem; padding-top: .2rem; border-top: 1px dotted var(--rule); }
mark { padding: 0 .1em; border-radius: 2px; color: inherit; background: var(--mark); }
@media print {
  @page { margin: 18mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  .table { overflow: visible; }
  mark { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`;
