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

/**
 * The object at this place without some of its members, of which it is known where they are: the same as
 * {@link withoutMembers} without looking for them.
 *
 * @param cuts the members, in the order of the text; `from` is where the name begins
 */
export function withoutSpans(
  bytes: Uint8Array,
  object: Span,
  cuts: readonly { readonly from: number; readonly end: number }[],
): Uint8Array {
  if (cuts.length === 0) return bytes.subarray(object.start, object.end)
  const runs: number[] = []
  let start = object.start + 1
  const keepTo = (to: number) => {
    let end = to
    while (start < end && isBetween(bytes[start])) start++
    while (start < end && isBetween(bytes[end - 1])) end--
    if (start < end) runs.push(start, end)
  }
  for (const { from, end } of cuts) {
    keepTo(from)
    start = end
  }
  keepTo(object.end - 1)
  return objectOfRuns(bytes, runs)
}

/** Whether a byte stands between two members. */
function isBetween(byte: number | undefined): boolean {
  return byte === 0x2c || byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
