import { parse } from 'yaml'

/** A value of a YAML document; every scalar is text. */
export type Yaml = string | Yaml[] | { [key: string]: Yaml }

/** Reads a recipe. Scalars stay the texts that they are: `0755` and `on` mean something else to each proxy. */
export function readYaml(text: string): Yaml {
  return parse(text, { schema: 'failsafe' })
}

/** Walks into a document; what is not there is an empty map. */
export function at(document: Yaml | undefined, ...path: (string | number)[]): Yaml {
  let value: Yaml | undefined = document
  for (const key of path) value = typeof value === 'object' ? (value as { [key: string]: Yaml })[key] : undefined
  return value ?? {}
}

/** A list of a document; an empty one where there is none. */
export function listAt(document: Yaml | undefined, ...path: (string | number)[]): Yaml[] {
  const value = at(document, ...path)
  return Array.isArray(value) ? value : []
}

/** A scalar of a document; empty where there is none. */
export function textAt(document: Yaml | undefined, ...path: (string | number)[]): string {
  const value = at(document, ...path)
  return typeof value === 'string' ? value : ''
}
