// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Entitlement, ITokenDistributor} from "../interfaces/ITokenDistributor.sol";
import {LeafLib} from "../libraries/LeafLib.sol";
import {TokenVesting} from "./TokenVesting.sol";

/// @title TokenDistributor: pays a list of entitlements, each once.
contract TokenDistributor is ITokenDistributor {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    bytes32 public immutable root;
    /// When claims end, and what is left goes to the treasury.
    uint256 public immutable end;
    address public immutable treasury;

    mapping(bytes32 leaf => bool) private _claimed;

    constructor(IERC20 token_, bytes32 root_, uint256 end_, address treasury_) {
        (token, root, end, treasury) = (token_, root_, end_, treasury_);
    }

    /// @inheritdoc ITokenDistributor
    function claim(Entitlement calldata entitlement, bytes32[] calldata proof)
        external
        returns (address receiver)
    {
        if (block.timestamp > end) revert ClaimsAreOver(end);
        bytes32 leaf = _leaf(entitlement);
        if (_claimed[leaf]) revert AlreadyClaimed(entitlement.account);
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) {
            revert InvalidProof(entitlement.account, entitlement.amount);
        }
        _claimed[leaf] = true;
        receiver = entitlement.account;
        if (entitlement.duration != 0) receiver = Create2.deploy(0, leaf, _vestingCode(entitlement));
        emit Claimed(entitlement.account, entitlement.amount, receiver);
        token.safeTransfer(receiver, entitlement.amount);
    }

    /// @inheritdoc ITokenDistributor
    function sweep() external returns (uint256 amount) {
        if (block.timestamp <= end) revert ClaimsAreOpen(end);
        amount = token.balanceOf(address(this));
        emit Swept(treasury, amount);
        token.safeTransfer(treasury, amount);
    }

    /// @inheritdoc ITokenDistributor
    function vestingOf(Entitlement calldata entitlement) external view returns (address) {
        return Create2.computeAddress(_leaf(entitlement), keccak256(_vestingCode(entitlement)));
    }

    /// @inheritdoc ITokenDistributor
    function isClaimed(Entitlement calldata entitlement) external view returns (bool) {
        return _claimed[_leaf(entitlement)];
    }

    function _leaf(Entitlement calldata entitlement) private pure returns (bytes32) {
        return LeafLib.leaf(abi.encode(entitlement));
    }

    function _vestingCode(Entitlement calldata entitlement) private pure returns (bytes memory) {
        return bytes.concat(
            type(TokenVesting).creationCode,
            abi.encode(entitlement.account, entitlement.start, entitlement.duration, entitlement.cliff)
        );
    }
}
