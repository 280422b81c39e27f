import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../packages/forward-auth/recipes')

/**
 * A recipe of the documentation with the addresses of a test in the place of its own. Every replacement must find
 * something, so that the recipe that runs stays the one that is printed.
 */
export function readRecipe(file: string, replacements: readonly (readonly [from: string, to: string])[]): string {
  return replacements.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)} any more`)
      return text.replaceAll(from, to)
    },
    readFileSync(join(folder, file), 'utf8'),
  )
}
