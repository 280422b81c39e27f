import { cutAtNul, foldName, isIllFormed } from '../json/fold-name.js'
import { readKey, type Span, skipSpace, skipValue, walkArray, walkMembers, walkObject } from '../json/json-scan.js'
import { parseSpan } from '../json/raw-json.js'

/** What a list of the protocol has. */
export type ListedKind = 'tool' | 'prompt' | 'resource' | 'template' | 'task'

/** A part of a server as its list describes it; the span is that of the whole description. */
export interface ListedItem extends Span {
  /**
   * The name of a tool or prompt, the URI of a resource, the URI template, the id of a task; `undefined` where readers could
   * differ about it, or where no request could name it.
   */
  readonly name: string | undefined
  /** What the server says about it. */
  readonly annotations?: Span
}

/** One list of an answer. */
export interface ScannedList extends Span {
  readonly kind: ListedKind
  readonly items: readonly ListedItem[]
}

/** The lists in the result of an answer, and what it says of them. */
export interface ScannedLists {
  readonly lists: readonly ScannedList[]
  /** Whether there is a list that is none. */
  readonly isMalformed: boolean
  readonly nextCursor?: Span
  readonly ttlMs?: Span
  readonly cacheScope?: Span
  /** What `completion/complete` answers with. */
  readonly completion?: Span
}

const kinds: ReadonlyMap<string, readonly [kind: ListedKind, nameMember: string]> = new Map([
  ['tools', ['tool', 'name']],
  ['prompts', ['prompt', 'name']],
  ['resources', ['resource', 'uri']],
  ['resourcetemplates', ['template', 'uriTemplate']],
  ['tasks', ['task', 'taskId']],
])

/**
 * Finds the lists of tools, prompts, resources, templates and tasks in the result of an answer, whatever was asked. It goes over
 * the bytes once and builds nothing but names. Members are taken as a client takes them that ignores case, since one of them
 * may.
 *
 * @param bytes a JSON-RPC message, which must be valid JSON; of others it makes no sense, but it ends
 */
export function scanLists(bytes: Uint8Array): ScannedLists {
  const found: {
    lists: ScannedList[]
    isMalformed: boolean
    nextCursor?: Span
    ttlMs?: Span
    cacheScope?: Span
    completion?: Span
  } = { lists: [], isMalformed: false }
  const member = (key: string, start: number): number => {
    const name = foldName(key)
    const list = kinds.get(name)
    if (list !== undefined) {
      if (bytes[start] === openBracket) {
        const items: ListedItem[] = []
        const end = walkArray(bytes, start, (at) => scanItem(bytes, at, list[1], items))
        found.lists.push({ kind: list[0], items, start, end })
        return end
      }
      found.isMalformed = true
    }
    const span = { start, end: skipValue(bytes, start) }
    if (name === 'nextcursor') found.nextCursor = span
    else if (name === 'ttlms') found.ttlMs = span
    else if (name === 'cachescope') found.cacheScope = span
    else if (name === 'completion') found.completion = span
    return span.end
  }
  const at = skipSpace(bytes, 0)
  if (bytes[at] === openBrace) {
    walkObject(bytes, at, (key, start) =>
      key === 'result' && bytes[start] === openBrace ? walkObject(bytes, start, member) : skipValue(bytes, start),
    )
  }
  return found
}

const openBracket = 0x5b
const openBrace = 0x7b
const quote = 0x22

function scanItem(bytes: Uint8Array, start: number, nameMember: string, items: ListedItem[]): number {
  if (bytes[start] !== openBrace) {
    const end = skipValue(bytes, start)
    items.push({ start, end, name: undefined })
    return end
  }
  let name: string | undefined
  let names = 0
  let annotations: Span | undefined
  const end = walkMembers(bytes, start, (keyStart, keyEnd, at) => {
    const valueEnd = skipValue(bytes, at)
    // Most keys begin with another letter, and need not be read
    const first = (bytes[keyStart + 1] as number) | 0x20
    if (first !== 0x61 && first !== nameMember.charCodeAt(0) && first < 0x7c) return valueEnd
    const key = readKey(bytes, keyStart, keyEnd)
    if (key === nameMember || foldName(key) === foldName(nameMember)) {
      names++
      if (key === nameMember && bytes[at] === quote) name = textAt(bytes, at, valueEnd)
    } else if (key === 'annotations') annotations = { start: at, end: valueEnd }
    return valueEnd
  })
  const isClear = names === 1 && name !== undefined && name === cutAtNul(name) && !isIllFormed(name)
  const item = { start, end, name: isClear ? name : undefined }
  items.push(annotations === undefined ? item : { ...item, annotations })
  return end
}

/** Most names are short and plain, and read faster byte by byte. */
function textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > 64) return parsed(bytes, start, end)
  let text = ''
  for (let index = start + 1; index < end - 1; index++) {
    const byte = bytes[index] as number
    if (byte === 0x5c || byte > 0x7e || byte < 0x20) return parsed(bytes, start, end)
    text += String.fromCharCode(byte)
  }
  return text
}

function parsed(bytes: Uint8Array, start: number, end: number): string | undefined {
  const value = parseSpan(bytes, { start, end })
  return typeof value === 'string' ? value : undefined
}
