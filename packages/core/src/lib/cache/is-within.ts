/**
 * Whether `now` is in the span that begins at `from`, all in one unit. Before its begin the answer is no: the clock was
 * put back since, and what it said then must neither be believed nor wait for as long.
 */
export function isWithin(now: number, from: number, span: number): boolean {
  return now >= from && now < from + span
}
