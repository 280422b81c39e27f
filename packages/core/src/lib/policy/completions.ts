import { scanLists } from '../catalogue/scan-lists.js'
import type { Message } from '../contract/message.js'
import type { PolicyInput } from '../contract/policy.js'
import { isIllFormed } from '../json/fold-name.js'
import { isObject } from '../json/is-object.js'
import { type Span, scanArray, scanObject } from '../json/json-scan.js'
import { at, joinJson, parseSpan } from '../json/raw-json.js'
import { type Edit, splice } from '../json/splice.js'
import { withoutSpans } from '../json/without-members.js'
import { type Asker, inputOf } from './asker.js'
import { decideAll, isPromise } from './decide.js'
import { useOf } from './operation.js'
import { type Filtered, isVisible } from './visible-only.js'

/**
 * Takes out of the completions for the URI of a resource those that would lead to one which the caller may not read. A template
 * of several variables is decided on with those that are known, and the others as they are written. Values for prompts name no
 * part of the server and stay.
 *
 * @param asked the `completion/complete` request
 */
export function withoutHiddenValues(asker: Asker, asked: Message, message: Message): Filtered | Promise<Filtered> {
  const { bytes } = message
  const { params } = asked.json()
  const { ref, argument, context } = params ?? {}
  const { completion } = scanLists(bytes)
  if (completion === undefined || !isObject(ref) || typeof ref.uri !== 'string' || !isObject(argument)) return bytes
  const given = isObject(context) && isObject(context.arguments) ? context.arguments : {}
  const found = valuesOf(bytes, completion)
  if (found === undefined) return 'unavailable'
  const template = ref.uri
  const inputs: PolicyInput[] = found.items.map((span) => {
    const value = parseSpan(bytes, span)
    const name = expand(template, { ...given, [String(argument.name)]: value })
    const kind = name.includes('{') ? 'template' : 'resource'
    return inputOf(asker, { action: useOf[kind], kind, name }, undefined)
  })
  const decisions = decideAll(asker.rules, inputs, asker)
  const finish = (all: Awaited<typeof decisions>) => {
    const kept = found.items.filter((_, index) => {
      const decision = all[index]
      return decision !== undefined && isVisible(decision)
    })
    return kept.length === found.items.length ? bytes : withValues(bytes, completion, found, kept)
  }
  return isPromise(decisions) ? decisions.then(finish) : finish(decisions)
}

interface FoundValues {
  readonly array: Span
  readonly items: readonly Span[]
  /** What tells how many there are. */
  readonly counts: readonly { readonly from: number; readonly end: number }[]
}

function valuesOf(bytes: Uint8Array, completion: Span): FoundValues | undefined {
  if (bytes[completion.start] !== 0x7b) return undefined
  let array: Span | undefined
  const items: Span[] = []
  const counts: { from: number; end: number }[] = []
  scanObject(bytes, completion.start, (key, value, from) => {
    if (key === 'values') {
      if (array !== undefined) items.length = 0
      array = value
      if (bytes[value.start] === 0x5b) scanArray(bytes, value.start, (item) => items.push(item))
    } else if (key === 'total') counts.push({ from, end: value.end })
  })
  return array === undefined ? undefined : { array, items, counts }
}

/** The answer with these values alone, and without what says how many there are in all. */
function withValues(
  bytes: Uint8Array,
  completion: Span,
  { array, counts }: FoundValues,
  kept: readonly Span[],
): Uint8Array {
  const values = joinJson([
    '[',
    ...kept.flatMap((span, index) => (index === 0 ? [at(bytes, span)] : [',', at(bytes, span)])),
    ']',
  ])
  const grow = (length: number) => new Uint8Array(length)
  const own = splice(at(bytes, completion), [shifted(array, completion, values)], grow)
  const moved = values.length - (array.end - array.start)
  const cuts = counts.map(({ from, end }) => {
    const by = from > array.start ? moved - completion.start : -completion.start
    return { from: from + by, end: end + by }
  })
  return splice(bytes, [{ ...completion, bytes: withoutSpans(own, { start: 0, end: own.length }, cuts) }], grow)
}

function shifted({ start, end }: Span, { start: by }: Span, bytes: Uint8Array): Edit {
  return { start: start - by, end: end - by, bytes }
}

/** The template with the variables that are known (RFC 6570 level 1 to 3, one variable each); others stay as they are. */
function expand(template: string, values: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(/\{([+#./;?&]?)([\w.%]{1,200})\*?\}/g, (whole, operator: string, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (typeof value !== 'string' || isIllFormed(value)) return whole
    const isReserved = operator === '+' || operator === '#'
    const text = isReserved ? value : encodeURIComponent(value)
    if (operator === ';' || operator === '?' || operator === '&') return `${operator}${name}=${text}`
    return operator === '+' ? text : `${operator}${text}`
  })
}
