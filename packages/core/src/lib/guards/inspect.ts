import { type Span, skipSpace, skipValue } from '../json/json-scan.js'
import { parseSpan } from '../json/raw-json.js'
import type { Edit } from '../json/splice.js'
import type { Guard, GuardEvent, GuardedCall } from './guard.js'

/** What guards make of some bytes. */
export interface Inspection {
  /** What blocks them. */
  readonly blocked?: { readonly guard: string; readonly reason: string }
  /** The texts that are replaced, in the order of the bytes. */
  readonly edits: readonly Edit[]
}

const encoder = new TextEncoder()

/**
 * Lets guards look at the values of a JSON message: at each text, masked by the guards before, and at the size. Names of members
 * and what is only encoded bytes are not looked at. What is not replaced keeps its bytes.
 *
 * @param spans the values; nothing else is looked at
 */
export async function inspect(
  guards: readonly Guard[],
  bytes: Uint8Array,
  spans: readonly Span[],
  call: GuardedCall,
  onFinding: (event: GuardEvent) => void,
): Promise<Inspection> {
  const tell = (guard: string, { action, reason }: Pick<GuardEvent, 'action' | 'reason'>) =>
    onFinding({ ...call, guard, action, reason })
  const size = spans.reduce((sum, { start, end }) => sum + end - start, 0)
  for (const guard of guards) {
    const found = guard.size?.(size, call)
    if (found === undefined) continue
    tell(guard.name, found)
    if (found.action === 'block') return { blocked: { guard: guard.name, reason: found.reason }, edits: [] }
  }
  const readers = guards.filter(({ text }) => text !== undefined)
  const edits: Edit[] = []
  for (const span of readers.length === 0 ? [] : spans.flatMap((one) => textsIn(bytes, one))) {
    const text = parseSpan(bytes, span)
    if (typeof text !== 'string' || isEncoded(text)) continue
    let own = text
    for (const guard of readers) {
      const found = await look(guard, own, call)
      if (found === undefined) continue
      tell(guard.name, found)
      if (found.action === 'block') return { blocked: { guard: guard.name, reason: found.reason }, edits: [] }
      if (found.action === 'mask') own = found.text
    }
    if (own !== text) edits.push({ ...span, bytes: encoder.encode(JSON.stringify(own)) })
  }
  return { edits }
}

async function look(guard: Guard, text: string, call: GuardedCall) {
  try {
    return await guard.text?.(text, call)
  } catch (error) {
    return { action: 'block' as const, reason: error instanceof Error ? error.message : 'The guard failed' }
  }
}

/** Where the texts of a value are that are not names of members. */
function textsIn(bytes: Uint8Array, { start, end }: Span): Span[] {
  const texts: Span[] = []
  for (let index = start; index < end; index++) {
    if (bytes[index] !== 0x22) continue
    const behind = skipValue(bytes, index)
    if (bytes[skipSpace(bytes, behind)] !== 0x3a) texts.push({ start: index, end: behind })
    index = behind - 1
  }
  return texts
}

/** Images, sounds and other files, whose letters mean nothing. */
function isEncoded(text: string): boolean {
  return text.length > 512 && text.length % 4 === 0 && /^[A-Za-z\d+/]+={0,2}$/.test(text)
}
