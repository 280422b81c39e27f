import { type Span, scanObject } from './json-scan.js'
import { rawJson } from './raw-json.js'

/**
 * The JSON object that `bytes` are, without the members that are not wanted; the bytes themselves when it has none of
 * them. What stays keeps its bytes and its order.
 */
export function withoutMembers(bytes: Uint8Array, isUnwanted: (key: string, value: Span) => boolean): Uint8Array {
  // Each run of neighbours that stay is copied as a whole
  const runs: { start: number; end: number }[] = []
  let isWhole = true
  let run: { start: number; end: number } | undefined
  scanObject(bytes, 0, (key, value, start) => {
    if (isUnwanted(key, value)) {
      isWhole = false
      run = undefined
    } else if (run === undefined) {
      run = { start, end: value.end }
      runs.push(run)
    } else {
      run.end = value.end
    }
  })
  if (isWhole) return bytes
  const parts: (string | Uint8Array)[] = ['{']
  for (const { start, end } of runs) {
    if (parts.length > 1) parts.push(',')
    parts.push(bytes.subarray(start, end))
  }
  return rawJson(...parts, '}')
}
