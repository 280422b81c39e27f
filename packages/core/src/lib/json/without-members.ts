import { type Span, scanObject } from './json-scan.js'
import { objectOfRuns } from './raw-json.js'

/**
 * The JSON object that `bytes` are, without the members that are not wanted; the bytes themselves when it has none of
 * them. What stays keeps its bytes and its order.
 */
export function withoutMembers(bytes: Uint8Array, isUnwanted: (key: string, value: Span) => boolean): Uint8Array {
  // Start and end of each run of neighbours that stay, which is copied as a whole
  const runs: number[] = []
  let isWhole = true
  let isInRun = false
  scanObject(bytes, 0, (key, value, start) => {
    if (isUnwanted(key, value)) {
      isWhole = false
      isInRun = false
    } else if (isInRun) {
      runs[runs.length - 1] = value.end
    } else {
      isInRun = true
      runs.push(start, value.end)
    }
  })
  return isWhole ? bytes : objectOfRuns(bytes, runs)
}
