mod classification;
mod numbers;
mod pack;
mod reference;
