// For runtimes that run a file: Node, Bun, Deno.
import { keys } from './keys.mjs'
import { smoke } from './smoke.mjs'

console.log(await smoke())
console.log(await keys())
