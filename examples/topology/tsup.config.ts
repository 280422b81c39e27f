import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/auth.ts', 'src/service.ts'],
  format: 'esm',
  target: 'node20',
  clean: true,
  silent: true,
})
