// For workerd, which runs code only inside a request.
import { smoke } from './smoke.mjs'

export default {
  async fetch() {
    try {
      return new Response(await smoke())
    } catch (error) {
      return new Response(error.stack, { status: 500 })
    }
  },
}
