/** Which part of the time for a start a server may be silent before it is asked in the other era too. */
const silentPart = 2 / 3

/** When what begins now must have come to an end, by `performance.now()`. */
export function deadline(seconds: number): number {
  return performance.now() + seconds * 1000
}

/** The ms that are left until then. */
export function timeLeft(until: number): number {
  return Math.max(0, until - performance.now())
}

/** The ms after which a silent server is asked in the other era too. */
export function silenceBefore(until: number): number {
  return timeLeft(until) * silentPart
}
