import { membersOf, type OptionType, type OptionTypes, optional, recordOf, text } from '../contract/option-types.js'
import type { PolicyResource } from '../contract/policy.js'
import { glob, isGlob } from '../text/glob.js'

type Labels = Readonly<Record<string, string>>

/** What the operator says about the parts of a server, by names and URIs, or patterns in which `*` stands for any run of characters. */
export interface LabelOptions {
  readonly tools?: Readonly<Record<string, Labels>>
  readonly prompts?: Readonly<Record<string, Labels>>
  /** By URI; a resource template by its own text. */
  readonly resources?: Readonly<Record<string, Labels>>
}

const byPattern: OptionType = recordOf(recordOf(text, 'an object of labels'), 'an object of labels by pattern')

const labelTypes: OptionTypes<LabelOptions> = {
  tools: optional(byPattern),
  prompts: optional(byPattern),
  resources: optional(byPattern),
}

export const labelsType: OptionType = membersOf(labelTypes)

/** Finds the labels of a part; those of all patterns that fit, later ones before earlier ones. */
export type FindLabels = (kind: PolicyResource['kind'], name: string) => Labels | undefined

/** Compiles the labels of the parts of a server. */
export function compileLabels({ tools, prompts, resources }: LabelOptions = {}): FindLabels {
  const tool = finder(tools)
  const prompt = finder(prompts)
  const resource = finder(resources)
  return (kind, name) => {
    if (kind === 'tool') return tool?.(name)
    if (kind === 'prompt') return prompt?.(name)
    return kind === 'resource' || kind === 'template' ? resource?.(name) : undefined
  }
}

function finder(labels: Readonly<Record<string, Labels>> = {}): ((name: string) => Labels | undefined) | undefined {
  const entries = Object.entries(labels)
  if (entries.length === 0) return undefined
  const exact = new Map(entries.filter(([pattern]) => !isGlob(pattern)))
  const patterns = entries
    .filter(([pattern]) => isGlob(pattern))
    .map(([pattern, own]) => ({ fits: glob(pattern), own }))
  return (name) => {
    let found: Labels | undefined
    for (const { fits, own } of patterns) if (fits(name)) found = found === undefined ? own : { ...found, ...own }
    const own = exact.get(name)
    return own === undefined || found === undefined ? (own ?? found) : { ...found, ...own }
  }
}
