//! [`Least`]: numbers that make some linear forms as equal as they can be, while others keep given values.

/// The size of the numbers counts by this much against the forms: of all that do as well, the smallest are taken.
const RIDGE: f64 = 1e-6;

/// A system of so many unknowns.
#[derive(Clone, Debug, Default)]
pub(super) struct Least {
    pub(super) unknowns: usize,
    /// Coefficients, and the value that their form keeps. What contradicts those before it is left out.
    pub(super) bonds: Vec<(Vec<f64>, f64)>,
    /// Coefficients, and what is there already: these are to be equal.
    pub(super) aims: Vec<(Vec<f64>, f64)>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) values: Vec<f64>,
    /// The aims, as they are then.
    pub(super) aims: Vec<f64>,
    /// Whether the differences of the aims depend on the unknowns at all.
    pub(super) movable: bool,
}

impl Least {
    /// The unknowns σ that minimize Σ (a·σ + r − mean)², subject to b·σ = d.
    ///
    /// The bonds are brought to reduced echelon form, which leaves some unknowns free; these follow from normal equations.
    pub(super) fn solve(&self) -> Found {
        let (rows, pivots) = self.echelon();
        let free: Vec<usize> = (0..self.unknowns).filter(|i| !pivots.contains(i)).collect();
        // Each unknown as a form of the free ones, and a constant at the end.
        let mut of_free = vec![vec![0.0; free.len() + 1]; self.unknowns];
        for (at, &unknown) in free.iter().enumerate() {
            of_free[unknown][at] = 1.0;
        }
        for (row, &pivot) in rows.iter().zip(&pivots) {
            for (at, &unknown) in free.iter().enumerate() {
                of_free[pivot][at] = -row[unknown];
            }
            of_free[pivot][free.len()] = row[self.unknowns];
        }
        let mut aims: Vec<Vec<f64>> = self.aims.iter().map(|(a, start)| reduced(a, *start, &of_free)).collect();
        centre(&mut aims);
        let size = |row: &Vec<f64>| row[..free.len()].iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let movable = aims.iter().map(size).fold(0.0, f64::max) > 1e-9;
        let ridge = of_free.iter().map(|row| row.iter().map(|x| x * RIDGE.sqrt()).collect());
        let all: Vec<Vec<f64>> = aims.into_iter().chain(ridge).collect();
        let found = normal(&all, free.len());
        let value = |row: &Vec<f64>| row.iter().zip(found.iter().chain([&1.0])).map(|(a, z)| a * z).sum();
        let values: Vec<f64> = of_free.iter().map(value).collect();
        let aim = |(a, start): &(Vec<f64>, f64)| start + a.iter().zip(&values).map(|(a, x)| a * x).sum::<f64>();
        Found { aims: self.aims.iter().map(aim).collect(), values, movable }
    }

    /// The bonds as rows with a 1 in the column of their pivot, where all others have 0.
    fn echelon(&self) -> (Vec<Vec<f64>>, Vec<usize>) {
        let (mut rows, mut pivots): (Vec<Vec<f64>>, Vec<usize>) = (Vec::new(), Vec::new());
        for (bond, value) in &self.bonds {
            let mut row: Vec<f64> = bond.iter().copied().chain([*value]).collect();
            for (other, &pivot) in rows.iter().zip(&pivots) {
                clear(&mut row, other, pivot);
            }
            let most = (0..self.unknowns).max_by(|&a, &b| row[a].abs().total_cmp(&row[b].abs()));
            let Some(pivot) = most.filter(|&pivot| row[pivot].abs() > 1e-9) else { continue };
            let scale = row[pivot];
            for x in &mut row {
                *x /= scale;
            }
            for other in &mut rows {
                clear(other, &row, pivot);
            }
            rows.push(row);
            pivots.push(pivot);
        }
        (rows, pivots)
    }
}

/// Takes from `row` what makes its element at `pivot` zero.
fn clear(row: &mut [f64], by: &[f64], pivot: usize) {
    let factor = row[pivot];
    if factor != 0.0 {
        row.iter_mut().zip(by).for_each(|(x, y)| *x -= factor * y);
    }
}

/// A form of all unknowns as one of the free ones.
fn reduced(form: &[f64], constant: f64, of_free: &[Vec<f64>]) -> Vec<f64> {
    let mut row = vec![0.0; of_free.first().map_or(1, Vec::len)];
    for (a, own) in form.iter().zip(of_free).filter(|(a, _)| **a != 0.0) {
        row.iter_mut().zip(own).for_each(|(sum, x)| *sum += a * x);
    }
    if let Some(last) = row.last_mut() {
        *last += constant;
    }
    row
}

/// Subtracts the mean of all rows from each.
fn centre(rows: &mut [Vec<f64>]) {
    let (n, width) = (rows.len().max(1) as f64, rows.first().map_or(0, Vec::len));
    for column in 0..width {
        let mean = rows.iter().map(|row| row[column]).sum::<f64>() / n;
        for row in &mut *rows {
            row[column] -= mean;
        }
    }
}

/// The z that minimizes Σ (row·(z, 1))², by Cholesky's factors of the normal matrix.
fn normal(rows: &[Vec<f64>], n: usize) -> Vec<f64> {
    let sum = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let rest = sum(i, j) - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            lower[i][j] = if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / lower[j][j] };
        }
    }
    let mut z: Vec<f64> = (0..n).map(|i| -sum(i, n)).collect();
    for i in 0..n {
        z[i] = (z[i] - (0..i).map(|k| lower[i][k] * z[k]).sum::<f64>()) / lower[i][i];
    }
    for i in (0..n).rev() {
        z[i] = (z[i] - (i + 1..n).map(|k| lower[k][i] * z[k]).sum::<f64>()) / lower[i][i];
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_becomes_even_and_its_product_stays() {
        // Three layers whose rates go by the square of their factors, and whose factors cancel.
        let aim = |at: usize| (0..3).map(|i| if i == at { -2.0 } else { 0.0 }).collect();
        let start = [1.0, -2.0, 0.5];
        let least = Least {
            unknowns: 3,
            bonds: vec![(vec![1.0; 3], 0.0)],
            aims: start.iter().enumerate().map(|(at, &r)| (aim(at), r)).collect(),
        };
        let found = least.solve();
        let mean = start.iter().sum::<f64>() / 3.0;
        assert!(found.movable && found.aims.iter().all(|aim| (aim - mean).abs() < 1e-5), "{found:?}");
        assert!(found.values.iter().sum::<f64>().abs() < 1e-12, "{found:?}");
        for (value, rate) in found.values.iter().zip(start) {
            assert!((value - (rate - mean) / 2.0).abs() < 1e-5, "{found:?}");
        }
    }

    #[test]
    fn what_is_bound_keeps_its_value_and_contradictions_are_left_out() {
        let bonds = vec![(vec![1.0, 0.0], 0.25), (vec![2.0, 0.0], 9.0), (vec![0.0, 0.0], 1.0)];
        let least = Least { unknowns: 2, bonds, aims: vec![(vec![1.0, 0.0], 0.0), (vec![0.0, 1.0], 3.0)] };
        let found = least.solve();
        assert_eq!(found.values[0], 0.25);
        assert!((found.values[1] + 2.75).abs() < 1e-4, "{found:?}");
        let stuck = Least { bonds: vec![(vec![1.0, 0.0], 0.0), (vec![0.0, 1.0], 0.0)], ..least };
        assert!(!stuck.solve().movable);
        // Of what does as well, the smallest: both move by half.
        let aims = vec![(vec![1.0, 1.0], 0.0), (vec![0.0, 0.0], 2.0)];
        let found = Least { unknowns: 2, bonds: vec![], aims }.solve();
        assert!((found.values[0] - 1.0).abs() < 1e-4 && (found.values[1] - 1.0).abs() < 1e-4, "{found:?}");
    }
}
