import { walks } from './walk.js'

walks('next')
