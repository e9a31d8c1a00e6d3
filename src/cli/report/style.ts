/**
 * How the page looks: on a screen by day and by night, on a phone, and on paper. Colour never is the only sign of anything. Every
 * pair of text and ground has a contrast of at least 4.5 to 1, which test/integration/report.test.ts measures.
 */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f7f6f2; --panel: #fffefb; --ink: #1c2126; --soft: #575e66; --line: #dcd8cd; --rule: #b9b4a6;
  --accent: #0d5f63; --accent-soft: #e3efee;
  --good: #1d6b3f; --good-soft: #e4f1e8; --care: #7a4d00; --care-soft: #fbf0d9; --bad: #a3211a; --bad-soft: #fbe6e3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --panel: #1b1f23; --ink: #e9e6df; --soft: #a9afb6; --line: #31373d; --rule: #4a525a;
    --accent: #79cdd0; --accent-soft: #17302f;
    --good: #84d0a0; --good-soft: #163022; --care: #ecc06a; --care-soft: #332713; --bad: #ff9a90; --bad-soft: #3a1b18;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
header, main, footer { max-width: 74rem; margin: 0 auto; padding: 0 1.5rem; }
h1, h2, h3 { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif; line-height: 1.2; font-weight: 600; text-wrap: balance; }
h1 { font-size: 2.1rem; margin: .2rem 0 .4rem; }
h2 { font-size: 1.4rem; margin: 0 0 .8rem; }
h3 { font-size: 1.12rem; margin: 1.6rem 0 .4rem; }
p { margin: 0 0 .7rem; max-width: 46rem; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; unicode-bidi: isolate; }
time { font-variant-numeric: tabular-nums; }
ul { margin: 0 0 .7rem; padding-left: 1.2rem; }
li { margin: .25rem 0; max-width: 60rem; }
.soft { color: var(--soft); }
.small { font-size: .86rem; }
.kicker { margin: 0; padding-top: 2.2rem; color: var(--soft); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
section { margin-top: 1.4rem; padding: 1.4rem 1.5rem 1.1rem; background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; }
nav { margin-top: 1.2rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: 0; margin: 0; font-size: .88rem; }
.pair > .seal { margin-top: 1.3rem; }
.seal { display: grid; align-content: start; grid-template-columns: auto 1fr; gap: 0 1rem; margin-top: 1.3rem; padding: 1rem 1.3rem; border: 1px solid; border-left-width: .5rem; border-radius: .6rem; }
.seal > svg { width: 2.6rem; height: 2.6rem; margin-top: .1rem; }
.seal h2 { font-size: 1.22rem; margin: 0 0 .25rem; }
.seal p { margin: 0 0 .3rem; color: var(--ink); max-width: 56rem; }
.good { color: var(--good); border-color: var(--good); background: var(--good-soft); }
.care { color: var(--care); border-color: var(--care); background: var(--care-soft); }
.bad { color: var(--bad); border-color: var(--bad); background: var(--bad-soft); }
.word { font-weight: 650; white-space: nowrap; }
.word.good, .word.care, .word.bad { background: none; }
dl.facts { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .35rem 1.4rem; margin: 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; min-width: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.6rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.2rem, 1fr)); gap: .8rem; margin: 1rem 0 .3rem; padding: 0; list-style: none; }
.tiles li { margin: 0; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--ground); }
.tiles b { display: block; font: 600 1.7rem/1.1 Georgia, serif; font-variant-numeric: tabular-nums; }
.tiles .none { border-style: dashed; }
.shapes { position: absolute; width: 0; height: 0; }
.mark { width: 1.05em; height: 1.05em; vertical-align: -.16em; margin-right: .3em; }
.probed { color: var(--accent); } .observed { color: var(--good); } .waitedout { color: var(--soft); } .waived { color: var(--care); } .open { color: var(--bad); }
.wide { overflow-x: auto; margin: .4rem 0 .9rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); }
th, td { min-width: 6.5rem; }
.credentials th, .credentials td { min-width: 0; }
thead th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--rule); white-space: nowrap; }
tbody th { font-weight: 400; }
.credentials tbody th { min-width: 15rem; }
tbody th code { font-weight: 600; }
td.t { white-space: nowrap; font-variant-numeric: tabular-nums; }
td small, th small, dd small { display: block; color: var(--soft); font-size: .92em; }
td small code, th small code { font-weight: 400; }
.credentials td:last-child { min-width: 17.5rem; }
details > summary { cursor: pointer; color: var(--accent); padding: .3rem 0; }
pre { margin: .3rem 0 1rem; padding: .8rem 1rem; background: var(--ground); border: 1px solid var(--line); border-radius: .4rem; white-space: pre-wrap; }
figure { margin: 0; padding-right: .5rem; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .8rem; }
.lanes { list-style: none; margin: 0; padding: 0; }
.lanes li { display: grid; grid-template-columns: minmax(0, 19rem) minmax(0, 1fr); gap: 0 1rem; margin: 0; max-width: none; align-items: center; }
.lanes .name { font-size: .82rem; line-height: 1.25; padding: .3rem 0; min-width: 0; }
.lanes .name b, .lanes .name bdi { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.lanes .name bdi { color: var(--soft); }
.lanes svg { display: block; width: 100%; overflow: visible; }
.lanes .group { font: 600 .95rem Georgia, serif; padding: .7rem 0 .1rem; border-bottom: 1px solid var(--line); display: block; }
svg text { font: 600 11px system-ui, sans-serif; fill: var(--panel); text-anchor: middle; }
svg .line { stroke: var(--rule); stroke-dasharray: 2 3; }
svg .known { fill: var(--rule); }
svg .live { fill: var(--bad); }
svg .gone { fill: var(--good-soft); stroke: var(--good); stroke-width: 1.5; }
svg .disc { fill: var(--ink); }
svg .break { stroke: var(--ground); stroke-width: 3; }
svg .zig { stroke: var(--soft); stroke-width: 1.5; fill: none; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; list-style: none; padding: 0; margin: .9rem 0 0; font-size: .84rem; }
.checks { list-style: none; padding: 0; margin: 0 0 .8rem; font-size: .92rem; }
.checks li { display: grid; grid-template-columns: 6.5rem 14.5rem 1fr; gap: 0 1rem; padding: .42rem 0; margin: 0; border-top: 1px solid var(--line); max-width: none; }
.checks li:first-child { border-top: 0; }
.checks b { font-weight: 600; }
.items { list-style: none; padding: 0; margin: 0 0 .9rem; }
.items > li { display: grid; grid-template-columns: 9rem 1fr; gap: 0 1.2rem; margin: 0; padding: .55rem 0; border-top: 1px solid var(--line); max-width: none; }
.items .where { grid-row: span 2; font-weight: 600; }
.items .what:empty { display: none; }
.items p::first-letter { text-transform: uppercase; }
.items p { margin: .1rem 0 0; max-width: 52rem; }
.legend svg { width: 1.9rem; height: .9rem; vertical-align: -.12rem; margin-right: .35rem; overflow: visible; }
.legend .shapes { position: absolute; width: 0; height: 0; }
.mark { width: 1.05em; height: 1.05em; margin-right: .3em; }
ol.moments { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; margin: .2rem 0 0; list-style: none; font-size: .86rem; }
ol.moments b { display: inline-block; min-width: 1.35em; text-align: center; color: var(--panel); background: var(--ink); border-radius: 1em; font-size: .78em; line-height: 1.35em; margin-right: .35em; }
.stamp { display: none; }
footer { padding-bottom: 3rem; margin-top: 1.4rem; color: var(--soft); font-size: .88rem; }
@media (max-width: 46rem) {
  header, main, footer { padding: 0 .9rem; }
  section { padding: 1rem .95rem .7rem; }
  h1 { font-size: 1.6rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: .55rem; }
  .pair { grid-template-columns: 1fr; gap: 0; }
  .lanes li { grid-template-columns: 1fr; }
  .lanes .name { padding-bottom: 0; }
  .seal { grid-template-columns: 1fr; }
  .items > li { grid-template-columns: 1fr; }
  .checks li { grid-template-columns: 1fr auto; }
  .checks li > span:last-child { grid-column: span 2; }
  table { min-width: 42rem; }
  table.credentials { min-width: 66rem; }
}
@page { size: A4; margin: 15mm 14mm 17mm; @bottom-right { content: "page " counter(page) " of " counter(pages); font: 8pt sans-serif; color: #575e66; } }
@media print {
  :root {
    color-scheme: light;
    --ground: #fff; --panel: #fff; --ink: #111; --soft: #4d4d4d; --line: #ccc; --rule: #888;
    --accent: #0d5f63; --accent-soft: #fff; --good: #1d6b3f; --good-soft: #fff; --care: #7a4d00; --care-soft: #fff; --bad: #a3211a; --bad-soft: #fff;
  }
  html { font-size: 9pt; }
  body { line-height: 1.42; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  header, main, footer { max-width: none; padding: 0; }
  section { border: 0; border-top: 1px solid var(--rule); border-radius: 0; padding: .8rem 0 0; margin-top: 1rem; }
  h1 { font-size: 19pt; } h2 { font-size: 13pt; break-after: avoid; } h3 { break-after: avoid; }
  .kicker { padding-top: 0; }
  nav { display: none; }
  .lanes li:first-child, .lanes .group { break-after: avoid; }
  table { font-size: 7.8pt; } thead { display: table-header-group; } tr, .seal, .items > li, .tiles li, .lanes li, dl.facts > * { break-inside: avoid; }
  th, td { padding: .3rem .6rem .3rem 0; } th, td, .credentials tbody th { min-width: 0; } .credentials tbody th { width: 26%; } .credentials td:last-child { width: 21%; } .credentials td:last-child { min-width: 0; }
  .wide { overflow: visible; }
  .tiles { grid-template-columns: repeat(5, 1fr); gap: .4rem; } .tiles li { padding: .4rem .5rem; }
  details > summary { list-style: none; color: var(--soft); }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  .stamp { display: block; position: fixed; top: -9mm; right: 0; font: 700 8.5pt sans-serif; color: var(--bad); }
  a { color: inherit; text-decoration: none; }
}
`;
