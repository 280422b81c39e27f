// For runtimes that run a file: Node, Bun, Deno.
import { smoke } from './smoke.mjs'

console.log(await smoke())
