// For workerd, which runs code only inside a request.
import { keys } from './keys.mjs'
import { smoke } from './smoke.mjs'

export default {
  async fetch() {
    try {
      return new Response([await smoke(), await keys()].join('\n'))
    } catch (error) {
      return new Response(error.stack, { status: 500 })
    }
  },
}
