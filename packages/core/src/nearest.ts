/** Which known names a misspelt one may have meant. Knows nothing of what the names stand for. */
import { compareUtf8 } from "./bytes.ts";

/** The number of characters to insert, delete or replace (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}

/** At most three, nearest first: within a third of the name's length, or one containing the other. */
export function nearestNames(name: string, known: Iterable<string>): string[] {
  const near: { known: string; distance: number }[] = [];
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    const contains = name.length > 2 && (candidate.includes(name) || name.includes(candidate));
    if (contains || distance <= Math.max(2, Math.floor(name.length / 3))) near.push({ known: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || compareUtf8(a.known, b.known));
  return near.slice(0, 3).map((found) => found.known);
}
